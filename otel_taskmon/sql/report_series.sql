-- Executions over time, one row per line: the largest by name, the rest together. Buckets begin at multiples of their
-- width since the epoch; those without executions are left out.
SELECT
    place > {lines:UInt32} AS others,
    if(others, '', label) AS line,
    sumMap(buckets, counts) AS points,
    sum(total) AS executions,
    groupArrayIf((label, total), total > 0) AS members,
    any(runs_of_all) AS runs,
    any(oldest_of_all) AS oldest,
    any(newest_of_all) AS newest
FROM
(
    SELECT
        label,
        groupArray(bucket) AS buckets,
        groupArray(counted) AS counts,
        sum(counted) AS total,
        row_number() OVER (ORDER BY total DESC, label ASC) AS place,
        sum(sum(all_runs)) OVER () AS runs_of_all,
        min(min(oldest)) OVER () AS oldest_of_all,
        max(max(newest)) OVER () AS newest_of_all
    FROM
    (
        SELECT
            --: by
            ,
            intDiv(toUnixTimestamp64Micro(at), {bucket_us:Int64}) AS bucket,
            sum(
                --: report_counted
            ) * (label NOT IN {left_out:Array(String)}) AS counted,
            sum(runs) AS all_runs,
            min(at) AS oldest,
            max(at) AS newest
        FROM
            --: source
        GROUP BY label, its_app, bucket
    )
    GROUP BY label
)
GROUP BY others, line
ORDER BY others ASC, executions DESC, line ASC
