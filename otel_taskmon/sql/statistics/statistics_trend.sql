-- Executions over time of the task names and apps of one page.
SELECT task_name, app, groupArray(bucket) AS buckets, groupArray(executions) AS counts
FROM
(
    SELECT
        any(ran.task_name) AS task_name,
        any(ran.app) AS app,
        intDiv(toUnixTimestamp64Micro(at), {bucket_us:Int64}) AS bucket,
        sum(runs) AS executions
    FROM
        --: source
        AS ran
    WHERE ran.task_name IN {names:Array(String)}
    GROUP BY cityHash64(ran.task_name), cityHash64(ran.app), bucket
)
GROUP BY task_name, app
