-- The ids of the tasks to purge. A publish without our stamp is in no other table than sends; it is taken by itself.
INSERT INTO otel.purge_selection (purge, kind, chunk, id)
SELECT {purge:String}, 'task', cityHash64(task_id) % {chunks:UInt32}, task_id
FROM
(
    SELECT task_id
    FROM otel.celery_tasks FINAL
    WHERE
        (
            --: purge_wanted
        )
        AND changed_at < fromUnixTimestamp64Micro({older_us:Int64}, 'UTC')
    UNION ALL
    SELECT task_id
    FROM otel.celery_task_sends
    WHERE
        (
            --: purge_wanted
        )
        AND NOT stamped
        AND sent_at < fromUnixTimestamp64Micro({older_us:Int64}, 'UTC')
)
