-- Traces of which no span is left.
(
    {everything:Bool}
    OR TraceId IN (
        --: purge_trace_ids
    )
)
AND TraceId NOT IN (
    SELECT TraceId
    FROM otel.otel_traces
    WHERE
        {everything:Bool}
        OR TraceId IN (
            --: purge_trace_ids
        )
)
