-- One row per event of ours: received, started, heartbeat, online, offline.
CREATE TABLE IF NOT EXISTS otel.celery_task_events
(
    ts           DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    event        LowCardinality(String),
    task_id      String CODEC(ZSTD(1)),
    execution_id String CODEC(ZSTD(1)),
    task_name    LowCardinality(String),
    retries      UInt32 CODEC(T64, ZSTD(1)),
    worker       LowCardinality(String),
    boot_id      LowCardinality(String),
    queue        LowCardinality(String),
    trace_id     String CODEC(ZSTD(1)),
    attrs        Map(LowCardinality(String), String) CODEC(ZSTD(6)),
    service      LowCardinality(String),
    environment  LowCardinality(String),
    release      LowCardinality(String),
    host         LowCardinality(String),
    ingested_at  DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    INDEX idx_task_id task_id TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(ts)
ORDER BY (ts, event, worker, boot_id, task_id, execution_id)
TTL toDateTime(ts) + INTERVAL 7 DAY DELETE
SETTINGS ttl_only_drop_parts = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS otel.celery_task_events_mv TO otel.celery_task_events AS
WITH
    LogAttributes AS a,
    ResourceAttributes AS r,
    if(EventName != '', EventName, a['event.name']) AS full_name
SELECT
    fromUnixTimestamp64Micro(intDiv(toUnixTimestamp64Nano(Timestamp), 1000), 'UTC') AS ts,
    arrayElement(splitByChar('.', full_name), -1) AS event,
    a['messaging.message.id'] AS task_id,
    a['taskmon.execution_id'] AS execution_id,
    a['celery.task_name'] AS task_name,
    toUInt32OrZero(a['taskmon.retries']) AS retries,
    a['taskmon.worker'] AS worker,
    a['taskmon.worker.boot_id'] AS boot_id,
    a['taskmon.queue'] AS queue,
    TraceId AS trace_id,
    -- without the two ids that have columns: random ids are what attributes weigh
    mapFilter((k, v) -> k NOT IN ('messaging.message.id', 'taskmon.execution_id'), a) AS attrs,
    ServiceName AS service,
    if(
        r['deployment.environment.name'] != '',
        r['deployment.environment.name'],
        r['deployment.environment']) AS environment,
    r['service.version'] AS release,
    if(a['taskmon.host'] != '', a['taskmon.host'], r['host.name']) AS host
FROM otel.otel_logs
WHERE startsWith(full_name, 'taskmon.task.') OR startsWith(full_name, 'taskmon.worker.');

-- One row per life of a worker (boot_id): when it was heard, and what it said it runs. Everything here is a maximum or a
-- minimum, so neither repeats nor the order of arrival matter; parts that are not merged yet are put together by whoever
-- reads (celery_worker_boots_latest).
-- heard_at is by the store's clock: silence is what we did not hear. All other times are by the worker's.
-- even_, odd_: the newest heartbeat that named all it runs, in the even and in the odd stretches of two intervals each.
-- The older of the two is at least one interval behind the newer one: the ends of what it leaves out have had that long
-- to arrive.
CREATE TABLE IF NOT EXISTS otel.celery_worker_boots
(
    boot_id       String,
    worker        LowCardinality(String),
    host          SimpleAggregateFunction(max, String),
    service       SimpleAggregateFunction(max, String),
    environment   SimpleAggregateFunction(max, String),
    release       SimpleAggregateFunction(max, String),
    first_seen_at SimpleAggregateFunction(min, DateTime64(6, 'UTC')),
    last_seen_at  SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    heard_at      SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    offline_at    SimpleAggregateFunction(max, Nullable(DateTime64(6, 'UTC'))),
    interval_ms   SimpleAggregateFunction(max, UInt32),
    even_at       SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    even_running  AggregateFunction(argMax, Array(String), DateTime64(6, 'UTC')),
    odd_at        SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    odd_running   AggregateFunction(argMax, Array(String), DateTime64(6, 'UTC'))
)
ENGINE = AggregatingMergeTree
ORDER BY (boot_id, worker)
TTL toDateTime(heard_at) + INTERVAL 30 DAY DELETE;

-- A list whose length is not the number that is told was cut on its way, or holds executions without an id: it proves
-- nothing about what it leaves out. Lists are compared with nothing but the same worker's own times.
CREATE MATERIALIZED VIEW IF NOT EXISTS otel.celery_worker_boots_mv TO otel.celery_worker_boots AS
WITH
    arrayFilter(id -> id != '', splitByChar(',', attrs['taskmon.worker.running'])) AS running,
    toUInt32OrZero(attrs['taskmon.worker.heartbeat_interval_ms']) AS told_ms,
    if(told_ms = 0, 0, least(greatest(told_ms, 100), 3600000)) AS beat_ms,
    event = 'heartbeat' AND toUInt64OrNull(attrs['taskmon.worker.running_count']) = length(running) AS is_whole,
    intDiv(toUnixTimestamp64Milli(ts), 2 * if(beat_ms = 0, 10000, beat_ms)) % 2 = 0 AS is_even
SELECT
    boot_id,
    worker,
    max(e.host) AS host,
    max(toString(e.service)) AS service,
    max(toString(e.environment)) AS environment,
    max(toString(e.release)) AS release,
    min(ts) AS first_seen_at,
    max(ts) AS last_seen_at,
    max(ingested_at) AS heard_at,
    maxIf(toNullable(ts), event = 'offline') AS offline_at,
    max(toUInt32(beat_ms)) AS interval_ms,
    maxIf(ts, is_whole AND is_even) AS even_at,
    argMaxStateIf(running, ts, is_whole AND is_even) AS even_running,
    maxIf(ts, is_whole AND NOT is_even) AS odd_at,
    argMaxStateIf(running, ts, is_whole AND NOT is_even) AS odd_running
FROM otel.celery_task_events AS e
WHERE boot_id != ''
GROUP BY boot_id, worker;

-- is_alive: it was heard within three intervals, and did not say that it goes; one that did has one interval for what is
-- on its way. A store that has just started has not heard anybody yet, so silence counts from there.
-- judged_at, running: the last list but one of what it ran; what began before it and is not in it runs no more.
-- Every question about tasks asks this view, so it is one plain GROUP BY.
CREATE VIEW IF NOT EXISTS otel.celery_worker_boots_latest AS
WITH
    toUnixTimestamp64Micro(now64(6, 'UTC')) AS now_us,
    toUnixTimestamp64Micro(max(b.heard_at)) AS heard_us,
    if(max(b.interval_ms) = 0, 10000, toInt64(max(b.interval_ms))) * 1000 AS interval_us,
    ifNull(max(b.offline_at) >= max(b.last_seen_at), 0) AS is_offline
SELECT
    b.boot_id AS boot_id,
    b.worker AS worker,
    max(b.host) AS host,
    max(b.service) AS service,
    max(b.environment) AS environment,
    max(b.release) AS release,
    min(b.first_seen_at) AS first_seen_at,
    max(b.last_seen_at) AS last_seen_at,
    max(b.heard_at) AS heard_at,
    max(b.offline_at) AS offline_at,
    toUInt32(intDiv(interval_us, 1000)) AS interval_ms,
    if(
        is_offline,
        now_us - heard_us <= interval_us,
        now_us - greatest(heard_us, now_us - toInt64(uptime()) * 1000000) <= 3 * interval_us) AS is_alive,
    least(max(b.even_at), max(b.odd_at)) AS judged_at,
    if(max(b.even_at) <= max(b.odd_at), argMaxMerge(b.even_running), argMaxMerge(b.odd_running)) AS running
FROM otel.celery_worker_boots AS b
GROUP BY b.boot_id, b.worker;
