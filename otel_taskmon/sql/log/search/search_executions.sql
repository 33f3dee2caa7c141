-- Name, app, exception and id from the row; arguments and exception text by the executions found.
--: search_own
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
