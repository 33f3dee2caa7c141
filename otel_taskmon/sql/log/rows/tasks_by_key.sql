-- The tasks of one page.
SELECT
    task_id,
    task_name,
    app,
    state,
    reason,
    retries,
    first_published_at,
    published_at,
    received_at,
    eta,
    expires,
    started_at,
    ended_at,
    duration_ns,
    queue_wait_ns,
    queue,
    priority,
    redelivered,
    worker,
    root_id,
    parent_id,
    is_error,
    exc_type,
    exc_message,
    trace_id
FROM
    --: source
WHERE (first_published_at, task_id) IN (
    --: given_keys
)
