-- All executions of one stretch of time, newest first, with every public column.
SELECT
    first_published_at,
    task_id,
    execution_id,
    task_name,
    app,
    state,
    reason,
    retries,
    published_at,
    received_at,
    eta,
    expires,
    started_at,
    ended_at,
    duration_ns,
    queue_wait_ns,
    queue_wait_raw_ns,
    prefetch_wait_ns,
    queue,
    routing_key,
    priority,
    redelivered,
    worker,
    boot_id,
    pid,
    host,
    service,
    environment,
    release,
    root_id,
    parent_id,
    group_id,
    group_index,
    chord_id,
    args,
    kwargs,
    result,
    payload_notes,
    exc_type,
    exc_message,
    exc_stacktrace,
    exc_fingerprint,
    is_error,
    is_eager,
    trace_id,
    span_id,
    parent_span_id,
    ingested_at
FROM
    --: source
WHERE
    (
        --: time_range
    )
    AND (
        --: field_filter
    )
    AND (
        --: search
    )
ORDER BY first_published_at DESC, task_id DESC, execution_id DESC
