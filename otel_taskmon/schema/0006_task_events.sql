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
    attrs        Map(LowCardinality(String), String) CODEC(ZSTD(1)),
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
    a AS attrs,
    ServiceName AS service,
    if(
        r['deployment.environment.name'] != '',
        r['deployment.environment.name'],
        r['deployment.environment']) AS environment,
    r['service.version'] AS release,
    if(a['taskmon.host'] != '', a['taskmon.host'], r['host.name']) AS host
FROM otel.otel_logs
WHERE startsWith(full_name, 'taskmon.task.') OR startsWith(full_name, 'taskmon.worker.');
