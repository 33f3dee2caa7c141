-- What the executions say of each task name and app, grouped by hashes of the two: as texts they would be put together
-- as bytes for each row.
SELECT
    any(ran.task_name) AS task_name,
    any(ran.app) AS app,
    sum(runs) AS all_runs,
    sumIf(runs, state = 'SUCCESS') AS succeeded,
    sum(errors) AS failed,
    sumIf(runs, state = 'RETRY') AS retried,
    sum(started) AS all_started,
    min(duration_min_ns) AS shortest,
    max(duration_max_ns) AS longest,
    sum(duration_sum_ns) AS total_ns,
    (
        --: runtimes
    ) AS runtimes,
    sum(waited) AS all_waited,
    (
        --: wait_percentile
    ) AS wait_p95,
    toNullable(min(at)) AS oldest,
    toNullable(max(newest_at)) AS newest
FROM
    --: source
    AS ran
WHERE positionCaseInsensitiveUTF8(ran.task_name, {search:String}) > 0 OR empty({search:String})
GROUP BY cityHash64(ran.task_name), cityHash64(ran.app)
