-- The rows of one page with one row per execution. PREWHERE is of the key's columns only, which no later report of a row
-- can change.
SELECT
    task_id,
    task_name,
    app,
    state,
    reason,
    1 AS executions,
    retries,
    first_published_at,
    eta,
    duration_ns,
    queue_wait_ns,
    queue,
    priority,
    worker,
    exc_type,
    exc_message,
    substringUTF8(args, 1, 200) AS args_short,
    substringUTF8(kwargs, 1, 200) AS kwargs_short,
    execution_id
    --: row_rest
FROM otel.celery_task_runs AS r FINAL
PREWHERE
    (first_published_at, task_id) IN (
        --: given_keys
    )
    AND has({key_execution_ids:Array(String)}, execution_id)
