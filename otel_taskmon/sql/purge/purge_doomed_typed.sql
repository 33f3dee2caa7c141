-- Executions and publishes of the chosen tasks that were there when the purge began. The bound has the column's own
-- type: engine 26.9 leaves rows out by its index where a DateTime64 is compared with a DateTime.
ingested_at < fromUnixTimestamp64Micro({before_us:Int64}, 'UTC')
AND (
    {everything:Bool}
    OR task_id IN (
        --: purge_ids
    )
)
