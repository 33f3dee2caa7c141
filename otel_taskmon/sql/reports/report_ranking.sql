-- Task names, apps or states with what they ran, largest first; beside each what all of them come to together.
SELECT
    label,
    its_app,
    counted,
    (
        --: value
    ) AS value,
    min_ns,
    total_ns,
    max_ns,
    runtimes,
    sum(value) OVER () AS value_of_all,
    countIf(counted > 0) OVER () AS labels,
    sum(all_runs) OVER () AS runs_of_all,
    min(oldest) OVER () AS oldest_of_all,
    max(newest) OVER () AS newest_of_all
FROM
(
    SELECT
        --: by
        ,
        sum(
            --: report_counted
        ) AS counted,
        sum(runs) AS all_runs,
        min(at) AS oldest,
        max(at) AS newest,
        min(duration_min_ns) AS min_ns,
        sum(duration_sum_ns) AS total_ns,
        max(duration_max_ns) AS max_ns,
        (
            --: runtimes
        ) AS runtimes
    FROM
        --: source
    GROUP BY label, its_app
)
ORDER BY counted > 0 DESC, value DESC, label ASC, its_app ASC
LIMIT {limit:UInt32}
