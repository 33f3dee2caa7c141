-- Every execution that one cell's workers and publishers recorded, oldest first.
SELECT
    task_id, task_name, state, reason, retries, args, kwargs, result, root_id, parent_id, group_id, group_index, chord_id,
    queue, redelivered, worker, exc_type, is_error, is_eager, payload_notes, toUnixTimestamp64Micro(started_at) AS started_us
FROM otel.celery_task_runs FINAL
WHERE service = {service:String}
ORDER BY started_at, ended_at, execution_id
