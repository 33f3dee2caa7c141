-- Days of a range, in seconds since the epoch, of which the statistics by the day say the same as those by the hour:
-- made of all hours that are there, since when the youngest of them was computed, and with all their rows. On a cluster
-- that must be true of every server that has hours of it.
SELECT toUnixTimestamp(day)
FROM
(
    SELECT
        day,
        (server, day, changed, since) IN
        (
            SELECT hostName() AS server, day, max(hours_computed_at), min(kept.hours_since)
            FROM otel.celery_task_stats_1d AS kept FINAL
            WHERE
                day >= fromUnixTimestamp64Micro({since_us:Int64}, 'UTC')
                AND day < fromUnixTimestamp64Micro({until_us:Int64}, 'UTC')
            GROUP BY server, day
            HAVING count() = max(groups) AND uniqExact(hours_computed_at, kept.hours_since) = 1
        ) AS is_same
    FROM
    (
        SELECT
            hostName() AS server,
            toStartOfDay(hour) AS day,
            max(computed_at) AS changed,
            min(hour) AS since
        FROM otel.celery_task_stats_1h
        WHERE
            hour >= fromUnixTimestamp64Micro({since_us:Int64}, 'UTC')
            AND hour < fromUnixTimestamp64Micro({until_us:Int64}, 'UTC')
        GROUP BY server, day
    )
)
GROUP BY day
HAVING min(is_same)
ORDER BY day
