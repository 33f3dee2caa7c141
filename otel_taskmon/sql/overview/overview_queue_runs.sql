-- What ran of each queue.
SELECT
    queue,
    sum(runs) AS executions,
    sum(waited) AS with_wait,
    (
        --: waits
    ) AS wait
FROM
    --: source
GROUP BY queue
ORDER BY queue
