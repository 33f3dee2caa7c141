-- What ran, of all task names together (is_all) and of those that are among the first few by failures or by the 95th
-- percentile of the runtime. Each execution is read once; its runtime is kept with its name, and the names are put
-- together afterwards.
SELECT
    is_all,
    label,
    all_runs,
    failures,
    with_runtime,
    min_ns,
    total_ns,
    max_ns,
    runtimes,
    names_failing,
    names_ran
FROM
(
    SELECT
        *,
        row_number() OVER (PARTITION BY is_all ORDER BY failures DESC, label ASC) AS place_by_failures,
        row_number() OVER (
            PARTITION BY is_all ORDER BY with_runtime > 0 DESC, runtimes[2] DESC, label ASC) AS place_by_runtime,
        countIf(failures > 0) OVER (PARTITION BY is_all) AS names_failing,
        countIf(with_runtime > 0) OVER (PARTITION BY is_all) AS names_ran
    FROM
    (
        SELECT
            is_all,
            if(is_all, '', toString(task_name)) AS label,
            sum(name_runs) AS all_runs,
            sum(name_failures) AS failures,
            sum(name_started) AS with_runtime,
            min(name_min_ns) AS min_ns,
            sum(name_total_ns) AS total_ns,
            max(name_max_ns) AS max_ns,
            (
                --: runtimes_merged
            ) AS runtimes
        FROM
        (
            SELECT
                task_name,
                sum(runs) AS name_runs,
                sum(errors) AS name_failures,
                sum(started) AS name_started,
                min(duration_min_ns) AS name_min_ns,
                sum(duration_sum_ns) AS name_total_ns,
                max(duration_max_ns) AS name_max_ns,
                (
                    --: runtimes_kept
                ) AS kept
            FROM
                --: source
            GROUP BY task_name
        )
        ARRAY JOIN [0, 1] AS is_all
        GROUP BY is_all, label
    )
)
WHERE is_all OR place_by_failures <= {limit:UInt32} OR place_by_runtime <= {limit:UInt32}
ORDER BY is_all DESC, label ASC
