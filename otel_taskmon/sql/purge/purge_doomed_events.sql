-- Events of the chosen tasks; those of workers go by their age alone.
ingested_at < fromUnixTimestamp64Micro({before_us:Int64}, 'UTC')
AND (
    {everything:Bool}
    OR if(
        task_id = '',
        ts < fromUnixTimestamp64Micro({workers_before_us:Int64}, 'UTC'),
        task_id IN (
            --: purge_ids
        ))
)
