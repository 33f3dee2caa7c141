-- Hourly counts, sums and percentile sketches, kept long after the rows they come from. Never counted up by inserts: a
-- batch that is sent again would count twice. Instead every hour that got new rows is computed again from
-- celery_task_runs FINAL.
CREATE TABLE IF NOT EXISTS otel.celery_task_stats_1h
(
    hour               DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    task_name          LowCardinality(String),
    app                LowCardinality(String),
    queue              LowCardinality(String),
    worker             LowCardinality(String),
    state              LowCardinality(String),
    exc_type           LowCardinality(String),
    runs               UInt64 CODEC(T64, ZSTD(1)),
    errors             UInt64 CODEC(T64, ZSTD(1)),
    started            UInt64 CODEC(T64, ZSTD(1)),
    duration_sum_ns    UInt64 CODEC(T64, ZSTD(1)),
    duration_min_ns    Nullable(UInt64) CODEC(T64, ZSTD(1)),
    duration_max_ns    Nullable(UInt64) CODEC(T64, ZSTD(1)),
    duration_quantiles AggregateFunction(quantilesDD(0.01, 0.5, 0.95, 0.99), Float64),
    waited             UInt64 CODEC(T64, ZSTD(1)),
    wait_sum_ns        UInt64 CODEC(T64, ZSTD(1)),
    wait_max_ns        Nullable(UInt64) CODEC(T64, ZSTD(1)),
    wait_quantiles     AggregateFunction(quantilesDD(0.01, 0.5, 0.95, 0.99), Float64),
    computed_at        DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1))
)
ENGINE = ReplacingMergeTree(computed_at)
PARTITION BY toYYYYMM(hour)
ORDER BY (hour, task_name, app, queue, worker, state, exc_type)
TTL hour + INTERVAL 400 DAY DELETE
SETTINGS ttl_only_drop_parts = 1;

-- Hours whose rows changed without new ones coming in: somebody deleted some. The next computation takes them in.
CREATE TABLE IF NOT EXISTS otel.celery_task_stats_due
(
    hour     DateTime('UTC'),
    noted_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC')
)
ENGINE = MergeTree
ORDER BY noted_at
TTL toDateTime(noted_at) + INTERVAL 1 DAY DELETE
SETTINGS ttl_only_drop_parts = 1;

-- Which hours: those that got rows, or are due, since they were computed, with half an hour to spare; and none whose rows
-- may already be leaving celery_task_runs (its TTL says when), or an hour would shrink with them. At most so many at a
-- time as hold about a million rows, those first that were not computed for longest: after a bulk load or a long
-- outage all of them together would take the store's memory.
-- And those that may have lost an execution: where the main process's record replaces a pool process's, the execution
-- moves to the hour that the main process says, and nothing new comes into the one that it leaves. No record says which
-- that was; it lies between receive and end. So of such records of the last day, every such hour but their own is
-- counted, and one whose statistics have another number of executions is computed again.
-- One list for both halves: an hour that only the second one knew would go to zero.
-- empty(…): where there is no hour to compute, engine 26.9 would read all rows for has() of none.
-- The second half puts in a zero for every group that is there already, so that a group whose last row changed its
-- state goes to zero and does not stay as it was.
CREATE MATERIALIZED VIEW IF NOT EXISTS otel.celery_task_stats_1h_mv
REFRESH EVERY 5 MINUTE APPEND TO otel.celery_task_stats_1h EMPTY AS
WITH
    (
        SELECT arrayMin(
            found -> toUInt32OrZero(found[2]) * if(found[1] = 'Day', 24, 1),
            extractAllGroupsVertical(engine_full, 'toInterval(Hour|Day)\\((?:_CAST\\()?(\\d+)'))
        FROM system.tables
        WHERE database = 'otel' AND name = 'celery_task_runs'
    ) AS kept_hours,
    if(kept_hours = 0, toDateTime(0, 'UTC'), now('UTC') - toIntervalHour(kept_hours)) AS kept_since,
    (
        SELECT groupUniqArray(hour)
        FROM
        (
            SELECT
                toStartOfHour(toDateTime(started_at, 'UTC')) AS its_own,
                toStartOfHour(
                    toDateTime(least(started_at, ifNull(received_at, started_at)), 'UTC') - INTERVAL 1 MINUTE) AS first,
                toStartOfHour(toDateTime(greatest(started_at, ended_at), 'UTC') + INTERVAL 1 MINUTE) AS last,
                arrayMap(
                    back -> last - toIntervalHour(back),
                    range(1 + least(intDiv(toUInt32(last) - toUInt32(first), 3600), 47))) AS possible
            FROM otel.celery_task_runs
            WHERE report_rank = 2 AND ingested_at >= now64(6, 'UTC') - INTERVAL 1 DAY
        )
        ARRAY JOIN possible AS hour
        WHERE hour != its_own
    ) AS left_perhaps,
    (
        SELECT groupArray(hour)
        FROM
        (
            SELECT
                hour,
                sum(rows) OVER (
                    ORDER BY computed, hour DESC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) - rows AS before
            FROM
            (
                SELECT hour, sum(rows) AS rows, max(changed_at) AS changed, max(computed_at) AS computed
                FROM
                (
                    SELECT
                        toStartOfHour(toDateTime(started_at, 'UTC')) AS hour,
                        count() AS rows,
                        max(ingested_at) AS changed_at,
                        toDateTime64(0, 6, 'UTC') AS computed_at
                    FROM otel.celery_task_runs
                    GROUP BY hour
                    UNION ALL
                    SELECT hour, 0 AS rows, noted_at AS changed_at, toDateTime64(0, 6, 'UTC') AS computed_at
                    FROM otel.celery_task_stats_due
                    UNION ALL
                    SELECT hour, 0 AS rows, now64(6, 'UTC') AS changed_at, toDateTime64(0, 6, 'UTC') AS computed_at
                    FROM
                    (
                        SELECT toStartOfHour(toDateTime(started_at, 'UTC')) AS hour, toInt64(1) AS difference
                        FROM otel.celery_task_runs FINAL
                        WHERE
                            if(empty(left_perhaps), 0, has(left_perhaps, hour))
                            AND started_at >= toDateTime64(arrayMin(left_perhaps), 6, 'UTC')
                            AND started_at < toDateTime64(arrayMax(left_perhaps), 6, 'UTC') + INTERVAL 1 HOUR
                        UNION ALL
                        SELECT stats.hour AS hour, -toInt64(stats.runs) AS difference
                        FROM otel.celery_task_stats_1h AS stats FINAL
                        WHERE has(left_perhaps, stats.hour)
                    )
                    GROUP BY hour
                    HAVING sum(difference) != 0
                    UNION ALL
                    SELECT hour, 0 AS rows, toDateTime64(0, 6, 'UTC') AS changed_at, max(stats.computed_at) AS computed_at
                    FROM otel.celery_task_stats_1h AS stats
                    GROUP BY hour
                )
                WHERE hour >= kept_since
                GROUP BY hour
                HAVING changed >= computed - INTERVAL 30 MINUTE
            )
        )
        WHERE before < 1000000
    ) AS touched
SELECT
    hour,
    task_name,
    app,
    queue,
    worker,
    state,
    exc_type,
    countIf(counts) AS runs,
    countIf(counts AND is_error) AS errors,
    countIf(counts AND duration_ns IS NOT NULL) AS started,
    sum(ifNull(duration_ns, 0)) AS duration_sum_ns,
    min(duration_ns) AS duration_min_ns,
    max(duration_ns) AS duration_max_ns,
    quantilesDDStateIf(0.01, 0.5, 0.95, 0.99)(
        toFloat64(ifNull(duration_ns, 0)), duration_ns IS NOT NULL) AS duration_quantiles,
    countIf(queue_wait_ns IS NOT NULL) AS waited,
    sum(ifNull(queue_wait_ns, 0)) AS wait_sum_ns,
    max(queue_wait_ns) AS wait_max_ns,
    quantilesDDStateIf(0.01, 0.5, 0.95, 0.99)(
        toFloat64(ifNull(queue_wait_ns, 0)), queue_wait_ns IS NOT NULL) AS wait_quantiles,
    now64(6, 'UTC') AS computed_at
FROM
(
    SELECT
        toStartOfHour(toDateTime(started_at, 'UTC')) AS hour,
        task_name, app, queue, worker, state, exc_type, is_error, duration_ns, queue_wait_ns, 1 AS counts
    FROM otel.celery_task_runs FINAL
    WHERE
        if(empty(touched), 0, has(touched, hour))
        AND started_at >= toDateTime64(arrayMin(touched), 6, 'UTC')
        AND started_at < toDateTime64(arrayMax(touched), 6, 'UTC') + INTERVAL 1 HOUR
    UNION ALL
    SELECT
        hour, task_name, app, queue, worker, state, exc_type, 0 AS is_error, NULL AS duration_ns,
        NULL AS queue_wait_ns, 0 AS counts
    FROM otel.celery_task_stats_1h FINAL
    WHERE has(touched, hour)
)
GROUP BY hour, task_name, app, queue, worker, state, exc_type;

-- The same by the day, without worker and exception: putting the sketches of many days together hour by hour takes
-- seconds. Made of the hours alone, and only read for a day while it says what they say (hours_computed_at,
-- hours_since), with all its rows there (groups); else the hours are read. So nothing depends on when it is computed.
CREATE TABLE IF NOT EXISTS otel.celery_task_stats_1d
(
    day                DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    task_name          LowCardinality(String),
    app                LowCardinality(String),
    queue              LowCardinality(String),
    state              LowCardinality(String),
    runs               UInt64 CODEC(T64, ZSTD(1)),
    errors             UInt64 CODEC(T64, ZSTD(1)),
    started            UInt64 CODEC(T64, ZSTD(1)),
    duration_sum_ns    UInt64 CODEC(T64, ZSTD(1)),
    duration_min_ns    Nullable(UInt64) CODEC(T64, ZSTD(1)),
    duration_max_ns    Nullable(UInt64) CODEC(T64, ZSTD(1)),
    duration_quantiles AggregateFunction(quantilesDD(0.01, 0.5, 0.95, 0.99), Float64),
    waited             UInt64 CODEC(T64, ZSTD(1)),
    wait_sum_ns        UInt64 CODEC(T64, ZSTD(1)),
    wait_max_ns        Nullable(UInt64) CODEC(T64, ZSTD(1)),
    wait_quantiles     AggregateFunction(quantilesDD(0.01, 0.5, 0.95, 0.99), Float64),
    first_hour         DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    last_hour          DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    hours_since        DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    hours_computed_at  DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    groups             UInt32 CODEC(T64, ZSTD(1)),
    computed_at        DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1))
)
ENGINE = ReplacingMergeTree(computed_at)
PARTITION BY toYYYYMM(day)
ORDER BY (day, task_name, app, queue, state)
TTL day + INTERVAL 400 DAY DELETE
SETTINGS ttl_only_drop_parts = 1;

-- Which days: those that are over for a day and whose hours say anything else than when the day was computed; the newest
-- first, at most so many at a time as about half a million rows of hours come from.
-- The second half puts in a zero for every group that is there already, as above.
CREATE MATERIALIZED VIEW IF NOT EXISTS otel.celery_task_stats_1d_mv
REFRESH EVERY 5 MINUTE APPEND TO otel.celery_task_stats_1d EMPTY AS
WITH
    (
        SELECT groupArray(day)
        FROM
        (
            SELECT
                day,
                sum(rows) OVER (ORDER BY day DESC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) - rows AS before
            FROM
            (
                SELECT
                    toStartOfDay(stats.hour) AS day,
                    count() AS rows,
                    max(stats.computed_at) AS changed,
                    min(stats.hour) AS since
                FROM otel.celery_task_stats_1h AS stats
                WHERE stats.hour < toStartOfDay(now('UTC') - INTERVAL 1 DAY)
                GROUP BY day
            )
            WHERE (day, changed, since) NOT IN
            (
                SELECT kept.day, max(kept.hours_computed_at), min(kept.hours_since)
                FROM otel.celery_task_stats_1d AS kept FINAL
                GROUP BY kept.day
                HAVING count() = max(groups) AND uniqExact(hours_computed_at, hours_since) = 1
            )
        )
        WHERE before < 500000
    ) AS touched
SELECT
    day,
    task_name,
    app,
    queue,
    state,
    sum(group_runs) AS runs,
    sum(group_errors) AS errors,
    sum(group_started) AS started,
    sum(group_duration_sum_ns) AS duration_sum_ns,
    min(group_duration_min_ns) AS duration_min_ns,
    max(group_duration_max_ns) AS duration_max_ns,
    quantilesDDMergeStateIf(0.01, 0.5, 0.95, 0.99)(group_duration_quantiles, counts) AS duration_quantiles,
    sum(group_waited) AS waited,
    sum(group_wait_sum_ns) AS wait_sum_ns,
    max(group_wait_max_ns) AS wait_max_ns,
    quantilesDDMergeStateIf(0.01, 0.5, 0.95, 0.99)(group_wait_quantiles, counts) AS wait_quantiles,
    if(runs = 0, day, minIf(hour, group_runs > 0)) AS first_hour,
    if(runs = 0, day, maxIf(hour, group_runs > 0)) AS last_hour,
    ifNull(min(minOrNullIf(hour, counts)) OVER (PARTITION BY day), day) AS hours_since,
    max(max(changed_at)) OVER (PARTITION BY day) AS hours_computed_at,
    count() OVER (PARTITION BY day) AS groups,
    now64(6, 'UTC') AS computed_at
FROM
(
    SELECT
        toStartOfDay(stats.hour) AS day, task_name, app, queue, state, stats.hour AS hour, 1 AS counts,
        stats.runs AS group_runs, stats.errors AS group_errors, stats.started AS group_started,
        stats.duration_sum_ns AS group_duration_sum_ns, stats.duration_min_ns AS group_duration_min_ns,
        stats.duration_max_ns AS group_duration_max_ns, stats.duration_quantiles AS group_duration_quantiles,
        stats.waited AS group_waited, stats.wait_sum_ns AS group_wait_sum_ns,
        stats.wait_max_ns AS group_wait_max_ns, stats.wait_quantiles AS group_wait_quantiles,
        stats.computed_at AS changed_at
    FROM otel.celery_task_stats_1h AS stats FINAL
    WHERE
        has(touched, toStartOfDay(stats.hour))
        AND stats.hour >= arrayMin(touched)
        AND stats.hour < arrayMax(touched) + INTERVAL 1 DAY
    UNION ALL
    SELECT
        kept.day AS day, task_name, app, queue, state, kept.day AS hour, 0 AS counts,
        0 AS group_runs, 0 AS group_errors, 0 AS group_started,
        0 AS group_duration_sum_ns, NULL AS group_duration_min_ns,
        NULL AS group_duration_max_ns, kept.duration_quantiles AS group_duration_quantiles,
        0 AS group_waited, 0 AS group_wait_sum_ns,
        NULL AS group_wait_max_ns, kept.wait_quantiles AS group_wait_quantiles,
        toDateTime64(0, 6, 'UTC') AS changed_at
    FROM otel.celery_task_stats_1d AS kept FINAL
    WHERE has(touched, kept.day)
)
GROUP BY day, task_name, app, queue, state;
