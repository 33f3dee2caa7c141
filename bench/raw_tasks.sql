-- The newest state of each task from the spans alone: what the log would have to ask without the typed tables.
SELECT
    SpanAttributes['messaging.message.id'] AS task_id,
    argMax(SpanAttributes['celery.task_name'], rank) AS task_name,
    argMax(SpanAttributes['taskmon.app'], rank) AS app,
    argMax(if(SpanAttributes['celery.state'] = '', 'SENT', SpanAttributes['celery.state']), rank) AS state,
    argMax(SpanAttributes['taskmon.queue'], rank) AS queue,
    argMax(SpanAttributes['taskmon.worker'], rank) AS worker,
    argMax(SpanAttributes['taskmon.priority'], rank) AS priority,
    argMax(Events.Attributes[1]['exception.type'], rank) AS exc_type,
    argMax(SpanAttributes['taskmon.args'], rank) AS args,
    argMax(Duration, rank) AS duration_ns,
    min(toInt64OrZero(SpanAttributes['taskmon.first_published_at'])) AS first_ns,
    max((toUInt32OrZero(SpanAttributes['taskmon.retries']), toInt64OrZero(SpanAttributes['taskmon.received_at']))) AS newest
FROM
(
    SELECT
        *,
        (toUInt32OrZero(SpanAttributes['taskmon.retries']), toInt64OrZero(SpanAttributes['taskmon.received_at'])) AS rank
    FROM otel.otel_traces
    WHERE SpanAttributes['celery.action'] IN ('run', 'apply_async') AND Timestamp >= now() - INTERVAL 25 HOUR
)
GROUP BY task_id
