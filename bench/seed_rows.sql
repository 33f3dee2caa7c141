-- Executions of a day as aa-taskmonitor's table has them: what it records of them, with its types on SQLite.
SELECT
    app AS app_name,
    args,
    kwargs,
    toInt32(0) AS current_queue_length,
    arrayElement(splitByChar('.', exc_type), -1) AS exception,
    if(parent_id = '', NULL, replaceAll(parent_id, '-', '')) AS parent,
    priority,
    nullIf(result, '') AS returned,
    toUInt32(retries) AS retried,
    formatDateTime(received_at, '%F %T.%f', 'UTC') AS received,
    duration_ns / 1e9 AS runtime,
    formatDateTime(started_at, '%F %T.%f', 'UTC') AS started,
    multiIf(state = 'SUCCESS', 1, state = 'RETRY', 2, 3) AS state_number,
    replaceAll(task_id, '-', '') AS id_text,
    task_name,
    formatDateTime(ended_at, '%F %T.%f', 'UTC') AS finished,
    exc_stacktrace AS traceback
FROM otel.celery_task_runs FINAL
WHERE state IN ('SUCCESS', 'RETRY', 'FAILURE', 'LOST') AND started_at >= {since:DateTime64(6)}
    AND started_at < {since:DateTime64(6)} + INTERVAL 1 DAY
ORDER BY ended_at
