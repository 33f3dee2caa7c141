-- Log records from which the events of the chosen tasks are derived; those of workers go by their age alone.
IngestedAt < toDateTime({before_s:UInt32})
AND match(if(EventName != '', EventName, LogAttributes['event.name']), '^taskmon\\.(task|worker)\\.')
AND (
    {everything:Bool}
    OR if(
        LogAttributes['messaging.message.id'] = '',
        Timestamp < fromUnixTimestamp64Nano(1000 * {workers_before_us:Int64}),
        LogAttributes['messaging.message.id'] IN (
            --: purge_ids
        ))
)
