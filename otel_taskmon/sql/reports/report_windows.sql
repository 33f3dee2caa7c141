-- Executions in windows that end with the range, in the whole range, and in its fullest minute (or hour).
SELECT
    sum(in_range) AS overall,
    [sum(in_one), sum(in_two), sum(in_three), sum(in_four), sum(in_five)] AS windows,
    max(in_range) AS peak,
    argMax(bucket, (in_range, bucket)) AS peak_bucket,
    sum(all_runs) AS runs,
    if(runs = 0, NULL, toNullable(min(oldest))) AS oldest,
    if(runs = 0, NULL, toNullable(max(newest))) AS newest
FROM
(
    SELECT
        intDiv(toUnixTimestamp64Micro(at), {bucket_us:Int64}) AS bucket,
        sum(counted) AS in_range,
        sumIf(counted, at_us >= {window_us:Array(Int64)}[1]) AS in_one,
        sumIf(counted, at_us >= {window_us:Array(Int64)}[2]) AS in_two,
        sumIf(counted, at_us >= {window_us:Array(Int64)}[3]) AS in_three,
        sumIf(counted, at_us >= {window_us:Array(Int64)}[4]) AS in_four,
        sumIf(counted, at_us >= {window_us:Array(Int64)}[5]) AS in_five,
        sum(runs) AS all_runs,
        min(at) AS oldest,
        max(at) AS newest
    FROM
    (
        SELECT
            at,
            toUnixTimestamp64Micro(at) AS at_us,
            runs,
            (
                --: report_counted
            ) AS counted
        FROM
            --: source
    )
    GROUP BY bucket
)
