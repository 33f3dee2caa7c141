-- The chosen tasks, but none of which something came in since the purge began: that stays, in all tables.
(
    {everything:Bool}
    OR task_id IN (
        --: purge_ids
    )
)
AND task_id NOT IN (
    SELECT task_id FROM otel.celery_task_runs WHERE ingested_at >= fromUnixTimestamp64Micro({before_us:Int64}, 'UTC')
    UNION ALL
    SELECT task_id FROM otel.celery_task_sends WHERE ingested_at >= fromUnixTimestamp64Micro({before_us:Int64}, 'UTC')
    UNION ALL
    SELECT task_id FROM otel.celery_task_events WHERE ingested_at >= fromUnixTimestamp64Micro({before_us:Int64}, 'UTC')
)
