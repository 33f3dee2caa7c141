-- What the executions say of each task name and app.
SELECT
    task_name,
    app,
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
        --: waits
    ) AS waits,
    toNullable(min(at)) AS oldest,
    toNullable(max(at)) AS newest
FROM
    --: source
WHERE positionCaseInsensitiveUTF8(task_name, {search:String}) > 0 OR empty({search:String})
GROUP BY task_name, app
