-- What ran in a range, all together.
SELECT
    sum(runs) AS executions,
    sum(started) AS with_runtime,
    (
        --: runtime_percentile
    ) AS runtime_p95,
    sum(waited) AS with_wait,
    (
        --: wait_percentile
    ) AS wait_p95
FROM
    --: source
