-- All executions of a task, in the order they happened.
SELECT
    execution_id, task_id, task_name, app, state, reason, retries,
    first_published_at, published_at, received_at, started_at, ended_at, eta, expires,
    duration_ns, queue_wait_ns, queue_wait_raw_ns, prefetch_wait_ns,
    queue, routing_key, priority, redelivered,
    worker, boot_id, pid, host, service, environment, release,
    root_id, parent_id, group_id, group_index, chord_id,
    args, kwargs, result, payload_notes,
    exc_type, exc_message, exc_stacktrace, exc_fingerprint, is_error, is_eager,
    trace_id, span_id, parent_span_id
FROM otel.celery_task_runs FINAL
WHERE task_id = {task_id:String}
ORDER BY retries, ifNull(received_at, started_at), started_at, execution_id
