-- The tasks of one page.
SELECT
    task_id,
    task_name,
    app,
    state,
    reason,
    retries,
    first_published_at,
    eta,
    duration_ns,
    queue_wait_ns,
    queue,
    priority,
    worker,
    exc_type,
    exc_message
    --: row_rest
FROM
    --: source
WHERE (first_published_at, task_id) IN (
    --: given_keys
)
