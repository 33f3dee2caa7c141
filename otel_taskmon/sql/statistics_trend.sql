-- Executions over time of the task names and apps of one page.
SELECT task_name, app, groupArray(bucket) AS buckets, groupArray(executions) AS counts
FROM
(
    SELECT
        task_name,
        app,
        intDiv(toUnixTimestamp64Micro(at), {bucket_us:Int64}) AS bucket,
        sum(runs) AS executions
    FROM
        --: source
    WHERE task_name IN {names:Array(String)}
    GROUP BY task_name, app, bucket
)
GROUP BY task_name, app
