-- The stock instrumentation's run spans of one cell, raw, each once, oldest first.
SELECT
    SpanAttributes['messaging.message.id'] AS task_id,
    SpanAttributes['celery.task_name'] AS task_name,
    SpanAttributes['celery.state'] AS state,
    toUInt32OrZero(SpanAttributes['celery.retries']) AS retries,
    SpanAttributes['messaging.destination'] AS queue,
    SpanAttributes['celery.hostname'] AS worker,
    StatusCode = 'Error' AS is_error,
    Events.Attributes[arrayFirstIndex(name -> name = 'exception', Events.Name)]['exception.type'] AS exc_type
FROM otel.otel_traces
WHERE ServiceName = {service:String} AND SpanAttributes['celery.action'] = 'run'
ORDER BY Timestamp, SpanId
LIMIT 1 BY TraceId, SpanId
