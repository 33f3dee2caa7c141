-- What each worker ran.
SELECT worker, sum(runs) AS executions
FROM
    --: source
WHERE worker != ''
GROUP BY worker
ORDER BY worker
