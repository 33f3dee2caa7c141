-- Whether the span of a probe has arrived.
SELECT count()
FROM otel.otel_traces
WHERE TraceId = {trace_id:String} AND Timestamp >= now64() - INTERVAL 1 HOUR
