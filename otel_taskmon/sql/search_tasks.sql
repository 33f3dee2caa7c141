-- Name, app and id from the task's own row; arguments and exception text of any of its executions, and those of the
-- publish while there is no execution, by the ids found in the same time range.
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
            --: search_execution_texts
        )
    UNION ALL
    SELECT task_id
    FROM otel.celery_task_sends FINAL
    WHERE
        (
            --: time_range
        )
        AND (first_published_at, task_id) IN (
            --: unfinished_tasks
        )
        AND (
            positionCaseInsensitiveUTF8(exc_type, {search:String}) > 0
            OR positionCaseInsensitiveUTF8(exc_message, {search:String}) > 0
            OR
            --: search_payload
        )
)
