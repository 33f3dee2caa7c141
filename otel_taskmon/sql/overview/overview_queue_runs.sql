-- What ran of each queue, and of all together (is_all). Each execution is read once; its queue wait is kept with its
-- queue, and the queues are put together afterwards.
SELECT
    is_all,
    if(is_all, '', toString(its_queue)) AS queue,
    sum(queue_runs) AS executions,
    sum(queue_waited) AS with_wait,
    (
        --: wait_merged
    ) AS wait_p95
FROM
(
    SELECT
        ran.queue AS its_queue,
        sum(runs) AS queue_runs,
        sum(waited) AS queue_waited,
        (
            --: waits_kept
        ) AS kept
    FROM
        --: source
        AS ran
    GROUP BY ran.queue
)
ARRAY JOIN [0, 1] AS is_all
GROUP BY is_all, queue
ORDER BY is_all DESC, queue ASC
