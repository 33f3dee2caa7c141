-- Name, app, id and exception from the task's own row; arguments and exception text of any of its executions and
-- publishes, by the ids found in the same time range.
positionCaseInsensitiveUTF8(task_name, {search:String}) > 0
OR positionCaseInsensitiveUTF8(app, {search:String}) > 0
OR positionCaseInsensitiveUTF8(task_id, {search:String}) > 0
OR positionCaseInsensitiveUTF8(exc_type, {search:String}) > 0
OR task_id IN
(
    SELECT task_id
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
    UNION ALL
    SELECT task_id
    FROM otel.celery_task_sends FINAL
    WHERE
        (
            --: time_range
        )
        AND (
            --: search_payload
        )
)
