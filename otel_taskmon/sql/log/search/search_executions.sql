-- Name, app and id from the row; arguments and exception text by the executions found.
positionCaseInsensitiveUTF8(task_name, {search:String}) > 0
OR positionCaseInsensitiveUTF8(app, {search:String}) > 0
OR positionCaseInsensitiveUTF8(task_id, {search:String}) > 0
OR positionCaseInsensitiveUTF8(exc_type, {search:String}) > 0
OR execution_id IN
(
    SELECT execution_id
    FROM otel.celery_task_runs FINAL
    WHERE
        (
            --: time_range
        )
        AND (
            --: search_payload
            OR
            --: search_stacktrace
        )
)
