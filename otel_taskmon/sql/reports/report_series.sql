-- Executions over time, one row per line: the largest by name, the rest together. Buckets begin at multiples of their
-- width since the epoch; those without executions are left out.
-- Rows are grouped by a hash of the label: two keys of which one is a text would be put together as bytes for each row.
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
            any(asked.label) AS label,
            bucket,
            sum(asked.counted) * (label NOT IN {left_out:Array(String)}) AS counted,
            sum(runs) AS all_runs,
            min(at) AS oldest,
            max(at) AS newest
        FROM
        (
            SELECT
                --: by
                ,
                intDiv(toUnixTimestamp64Micro(at), {bucket_us:Int64}) AS bucket,
                (
                    --: report_counted
                ) AS counted,
                runs,
                at
            FROM
                --: source
        ) AS asked
        GROUP BY cityHash64(asked.label), bucket
    )
    GROUP BY label
)
GROUP BY others, line
ORDER BY others ASC, executions DESC, line ASC
