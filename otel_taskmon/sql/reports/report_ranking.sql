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
        max(newest_at) AS newest,
        --: report_figures
    FROM
        --: source
    GROUP BY label, its_app
)
ORDER BY counted > 0 DESC, value DESC, label ASC, its_app ASC
LIMIT {limit:UInt32}
