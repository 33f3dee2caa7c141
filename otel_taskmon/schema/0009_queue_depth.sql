-- Queue lengths over time, from the gauges taskmon.queue.*. One row per queue and moment: values of one moment that
-- come in separate batches meet here, and a repeat changes nothing.
CREATE TABLE IF NOT EXISTS otel.celery_queue_depth
(
    ts        DateTime64(6, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    broker    LowCardinality(String),
    queue     LowCardinality(String),
    depth     SimpleAggregateFunction(max, UInt64) CODEC(T64, ZSTD(1)),
    unacked   SimpleAggregateFunction(max, Nullable(UInt64)) CODEC(T64, ZSTD(1)),
    consumers SimpleAggregateFunction(max, Nullable(UInt64)) CODEC(T64, ZSTD(1)),
    oldest_at SimpleAggregateFunction(max, Nullable(DateTime64(6, 'UTC'))) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toMonday(ts)
ORDER BY (broker, queue, ts)
TTL toDateTime(ts) + INTERVAL 90 DAY DELETE
SETTINGS ttl_only_drop_parts = 1;

-- A value that is no count (negative, not a number, beyond 2^63) is left out rather than wrapped round.
CREATE MATERIALIZED VIEW IF NOT EXISTS otel.celery_queue_depth_mv TO otel.celery_queue_depth AS
SELECT
    fromUnixTimestamp64Micro(intDiv(toUnixTimestamp64Nano(TimeUnix), 1000), 'UTC') AS ts,
    Attributes['messaging.system'] AS broker,
    Attributes['messaging.destination.name'] AS queue,
    ifNull(max(if(MetricName = 'taskmon.queue.depth', accurateCastOrNull(round(Value), 'UInt64'), NULL)), 0) AS depth,
    max(if(MetricName = 'taskmon.queue.unacked', accurateCastOrNull(round(Value), 'UInt64'), NULL)) AS unacked,
    max(if(MetricName = 'taskmon.queue.consumers', accurateCastOrNull(round(Value), 'UInt64'), NULL)) AS consumers,
    max(if(
        MetricName = 'taskmon.queue.oldest_at' AND Value > 0 AND Value < 9e18,
        fromUnixTimestamp64Micro(intDiv(accurateCastOrNull(round(Value), 'Int64'), 1000), 'UTC'),
        NULL)) AS oldest_at
FROM otel.otel_metrics_gauge
WHERE MetricName IN (
    'taskmon.queue.depth', 'taskmon.queue.unacked', 'taskmon.queue.consumers', 'taskmon.queue.oldest_at')
GROUP BY ts, broker, queue;
