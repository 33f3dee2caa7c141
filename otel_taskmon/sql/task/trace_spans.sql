-- One trace as it came in, each span once, oldest first. Long attribute values are cut, and end with … then: the
-- whole of a payload stands in celery_task_runs.
WITH
    (
        SELECT (min(Start), max(End) + 1)
        FROM otel.otel_traces_trace_id_ts
        WHERE TraceId = {trace_id:String}
    ) AS during
SELECT
    SpanId AS span_id,
    ParentSpanId AS parent_span_id,
    SpanName AS name,
    SpanKind AS kind,
    ServiceName AS service,
    fromUnixTimestamp64Micro(intDiv(toUnixTimestamp64Nano(Timestamp), 1000), 'UTC') AS start,
    toUnixTimestamp64Nano(Timestamp) AS start_ns,
    Duration AS duration_ns,
    StatusCode AS status,
    SpanAttributes['messaging.message.id'] AS task_id,
    SpanAttributes['celery.task_name'] AS task_name,
    SpanAttributes['celery.state'] AS state,
    toUInt32OrZero(SpanAttributes['taskmon.retries']) AS retries,
    SpanAttributes['taskmon.worker'] AS worker,
    toInt64OrNull(SpanAttributes['taskmon.published_at']) AS published_ns,
    mapApply(
        (k, v) -> (
            toString(k),
            if(lengthUTF8(v) > {value_length:UInt32}, concat(substringUTF8(v, 1, {value_length:UInt32}), '…'), v)),
        mapUpdate(ResourceAttributes, SpanAttributes)) AS attributes
FROM otel.otel_traces
WHERE
    TraceId = {trace_id:String}
    AND Timestamp >= tupleElement(during, 1)
    AND Timestamp <= tupleElement(during, 2)
ORDER BY Timestamp, SpanId
LIMIT 1 BY SpanId
LIMIT {limit:UInt32}
