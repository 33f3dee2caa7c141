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
-- One list for both halves: an hour that only the second one knew would go to zero.
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
        has(touched, hour)
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
