-- Everything there is to say of each task name and app, one row each, and what all rows come to together beside each.
SELECT
    task_name,
    app,
    runs,
    succeeded,
    failed,
    retried,
    runs - started AS never_started,
    lost,
    if(runs = 0, NULL, toNullable(failed / runs)) AS failure_rate,
    if(runs = 0, NULL, toNullable(retried / runs)) AS retry_rate,
    shortest AS min_ns,
    if(started = 0, NULL, toNullable(total_ns / started)) AS avg_ns,
    longest AS max_ns,
    total_ns,
    if(started = 0, NULL, toNullable(toUInt64(round(runtimes[1])))) AS p50_ns,
    if(started = 0, NULL, toNullable(toUInt64(round(runtimes[2])))) AS p95_ns,
    if(started = 0, NULL, toNullable(toUInt64(round(runtimes[3])))) AS p99_ns,
    if(waited = 0, NULL, toNullable(toUInt64(round(wait_p95)))) AS wait_p95_ns,
    if(total_of_all = 0, NULL, toNullable(total_ns / total_of_all)) AS runtime_share,
    (
        --: sort_statistics_number
    ) AS sort_number,
    (
        --: sort_statistics_text
    ) AS sort_text,
    sum(total_ns) OVER () AS total_of_all,
    count() OVER () AS rows_total,
    sum(runs) OVER () AS runs_of_all,
    min(oldest) OVER () AS oldest_of_all,
    max(newest) OVER () AS newest_of_all
FROM
(
    SELECT
        if(ran.all_runs > 0, ran.task_name, gone.task_name) AS task_name,
        if(ran.all_runs > 0, ran.app, gone.app) AS app,
        ran.all_runs AS runs,
        ran.succeeded AS succeeded,
        ran.failed AS failed,
        ran.retried AS retried,
        ran.all_started AS started,
        gone.lost AS lost,
        ran.shortest AS shortest,
        ran.longest AS longest,
        ran.total_ns AS total_ns,
        ran.runtimes AS runtimes,
        ran.all_waited AS waited,
        ran.wait_p95 AS wait_p95,
        ran.oldest AS oldest,
        ran.newest AS newest
    FROM
    (
        --: statistics_executions
    ) AS ran
    FULL OUTER JOIN
    (
        --: statistics_lost
    ) AS gone
    ON gone.task_name = ran.task_name AND gone.app = ran.app
)
ORDER BY
    --: order
LIMIT {limit:UInt32} OFFSET {offset:UInt64}
