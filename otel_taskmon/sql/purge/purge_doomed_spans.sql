-- Spans of the chosen tasks: what the tables of tasks are derived from. Spans of other instrumentation are not ours.
IngestedAt < toDateTime({before_s:UInt32})
AND SpanAttributes['celery.action'] IN ('run', 'apply_async')
AND (
    {everything:Bool}
    OR SpanAttributes['messaging.message.id'] IN (
        --: purge_ids
    )
)
