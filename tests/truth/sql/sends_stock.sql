-- Publish spans with an error, raw.
SELECT
    SpanAttributes['messaging.message.id'] AS task_id,
    SpanAttributes['celery.task_name'] AS task_name,
    Events.Attributes[arrayFirstIndex(name -> name = 'exception', Events.Name)]['exception.type'] AS exc_type,
    StatusCode = 'Error' AS is_error
FROM otel.otel_traces
WHERE ServiceName = {service:String} AND SpanAttributes['celery.action'] = 'apply_async' AND StatusCode = 'Error'
ORDER BY Timestamp
