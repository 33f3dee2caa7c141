-- All tasks of one stretch of time, newest first, with every public column and the newest payload.
SELECT
    tasks.task_id AS task_id,
    tasks.task_name AS task_name,
    tasks.app AS app,
    tasks.state AS state,
    tasks.reason AS reason,
    toUInt32(ifNull(run.executions, 0)) AS executions,
    tasks.retries AS retries,
    tasks.first_published_at AS first_published_at,
    tasks.published_at AS published_at,
    tasks.received_at AS received_at,
    tasks.eta AS eta,
    tasks.expires AS expires,
    tasks.started_at AS started_at,
    tasks.ended_at AS ended_at,
    tasks.duration_ns AS duration_ns,
    tasks.queue_wait_ns AS queue_wait_ns,
    tasks.queue AS queue,
    tasks.routing_key AS routing_key,
    tasks.priority AS priority,
    tasks.redelivered AS redelivered,
    tasks.worker AS worker,
    tasks.service AS service,
    tasks.environment AS environment,
    tasks.release AS release,
    tasks.host AS host,
    tasks.root_id AS root_id,
    tasks.parent_id AS parent_id,
    tasks.group_id AS group_id,
    tasks.chord_id AS chord_id,
    tasks.is_error AS is_error,
    tasks.exc_type AS exc_type,
    tasks.exc_message AS exc_message,
    tasks.exc_fingerprint AS exc_fingerprint,
    tasks.payload_notes AS payload_notes,
    tasks.trace_id AS trace_id,
    if(ifNull(run.retries, -1) >= ifNull(send.retries, -1), run.args, send.args) AS args,
    if(ifNull(run.retries, -1) >= ifNull(send.retries, -1), run.kwargs, send.kwargs) AS kwargs,
    run.result AS result
FROM
(
    SELECT *
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
) AS tasks
LEFT ANY JOIN
(
    SELECT
        first_published_at,
        task_id,
        toNullable(count()) AS executions,
        toNullable(toInt64(max(r.retries))) AS retries,
        argMax(r.args, (r.retries, ifNull(r.received_at, r.started_at))) AS args,
        argMax(r.kwargs, (r.retries, ifNull(r.received_at, r.started_at))) AS kwargs,
        argMax(r.result, (r.retries, ifNull(r.received_at, r.started_at))) AS result
    FROM otel.celery_task_runs AS r FINAL
    WHERE
        --: time_range
    GROUP BY first_published_at, task_id
) AS run
ON run.first_published_at = tasks.first_published_at AND run.task_id = tasks.task_id
LEFT ANY JOIN
(
    SELECT
        first_published_at,
        task_id,
        toNullable(toInt64(max(s.retries))) AS retries,
        argMax(s.args, (s.retries, s.sent_at)) AS args,
        argMax(s.kwargs, (s.retries, s.sent_at)) AS kwargs
    FROM otel.celery_task_sends AS s FINAL
    WHERE
        (
            --: time_range
        )
        AND (first_published_at, task_id) IN (
            --: unfinished_tasks
        )
    GROUP BY first_published_at, task_id
) AS send
ON send.first_published_at = tasks.first_published_at AND send.task_id = tasks.task_id
ORDER BY tasks.first_published_at DESC, tasks.task_id DESC
