-- What ran in a range (1) and in the one before it (0).
SELECT
    at >= fromUnixTimestamp64Micro({split_us:Int64}, 'UTC') AS is_now,
    sum(runs) AS executions,
    sum(started) AS with_runtime,
    (
        --: runtimes
    ) AS runtime,
    sum(waited) AS with_wait,
    (
        --: waits
    ) AS wait
FROM
    --: source
GROUP BY is_now
ORDER BY is_now
