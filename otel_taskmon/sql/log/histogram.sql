-- Rows over time by state; buckets begin at multiples of their width since the epoch.
SELECT
    fromUnixTimestamp64Micro(
        intDiv(toUnixTimestamp64Micro(first_published_at), {bucket_us:Int64}) * {bucket_us:Int64}, 'UTC') AS start,
    state,
    count() AS count
FROM
    --: source
WHERE
    (
        --: time_range
    )
    AND (
        --: field_filter
    )
    AND (
        --: search
    )
GROUP BY start, state
ORDER BY start, state
