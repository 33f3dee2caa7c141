-- One row per publish, beside its task's executions (same leading key as celery_task_runs).
CREATE TABLE IF NOT EXISTS otel.celery_task_sends
(
    first_published_at DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    task_id            String CODEC(ZSTD(1)),
    sent_at            DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    publish_ns         UInt64 CODEC(T64, ZSTD(1)),
    task_name          LowCardinality(String),
    app                LowCardinality(String),
    root_id            String CODEC(ZSTD(1)),
    parent_id          String CODEC(ZSTD(1)),
    group_id           String CODEC(ZSTD(1)),
    group_index        Nullable(UInt32) CODEC(T64, ZSTD(1)),
    chord_id           String CODEC(ZSTD(1)),
    retries            UInt32 CODEC(T64, ZSTD(1)),
    queue              LowCardinality(String),
    routing_key        LowCardinality(String),
    priority           Nullable(UInt8),
    eta                Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1)),
    expires            Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1)),
    args               String CODEC(ZSTD(1)),
    kwargs             String CODEC(ZSTD(1)),
    payload_notes      LowCardinality(String),
    is_error           UInt8,
    exc_type           LowCardinality(String),
    exc_message        String CODEC(ZSTD(1)),
    service            LowCardinality(String),
    environment        LowCardinality(String),
    release            LowCardinality(String),
    host               LowCardinality(String),
    trace_id           String CODEC(ZSTD(1)),
    span_id            String CODEC(ZSTD(1)),
    parent_span_id     String CODEC(ZSTD(1)),
    stamped            UInt8,
    ingested_at        DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    INDEX idx_task_id     task_id     TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_trace_id    trace_id    TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_sent_at     sent_at     TYPE minmax GRANULARITY 1,
    INDEX idx_ingested_at ingested_at TYPE minmax GRANULARITY 1,
    INDEX idx_args        args        TYPE text(tokenizer = ngrams(3), preprocessor = lowerUTF8(args), posting_list_codec = 'bitpacking'),
    INDEX idx_kwargs      kwargs      TYPE text(tokenizer = ngrams(3), preprocessor = lowerUTF8(kwargs), posting_list_codec = 'bitpacking'),
    INDEX idx_exc_message exc_message TYPE text(tokenizer = ngrams(3), preprocessor = lowerUTF8(exc_message), posting_list_codec = 'bitpacking')
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(first_published_at)
ORDER BY (first_published_at, task_id, retries, span_id)
TTL toDateTime(sent_at) + INTERVAL 30 DAY DELETE
SETTINGS ttl_only_drop_parts = 1, index_granularity = 512, min_compress_block_size = 4096,
    min_age_to_force_merge_seconds = 3600, min_age_to_force_merge_on_partition_only = 1;

-- Total on purpose, as celery_task_runs_mv. stamped: the publisher wrote first_published_at into the message, so the
-- executions that follow carry the same; without the stamp nothing could ever join this publish to its executions.
CREATE MATERIALIZED VIEW IF NOT EXISTS otel.celery_task_sends_mv TO otel.celery_task_sends AS
WITH
    SpanAttributes AS a,
    ResourceAttributes AS r,
    toUnixTimestamp64Nano(Timestamp) AS span_start_ns,
    (ns -> if(ns > 0, fromUnixTimestamp64Micro(intDiv(ns, 1000), 'UTC'), NULL)) AS time_of,
    (ns -> ns > span_start_ns - 34560000000000000 AND ns < span_start_ns + 172800000000000) AS plausible,
    toInt64OrZero(a['taskmon.first_published_at']) AS stamped_first_ns,
    toInt64OrZero(a['taskmon.published_at']) AS published_ns,
    if(plausible(published_ns), published_ns, span_start_ns) AS sent_ns,
    arrayLastIndex(name -> name = 'exception', Events.Name) AS exc_at,
    Events.Attributes[exc_at] AS exc
SELECT
    fromUnixTimestamp64Micro(
        intDiv(if(plausible(stamped_first_ns), stamped_first_ns, sent_ns), 1000), 'UTC') AS first_published_at,
    a['messaging.message.id'] AS task_id,
    fromUnixTimestamp64Micro(intDiv(sent_ns, 1000), 'UTC') AS sent_at,
    Duration AS publish_ns,
    a['celery.task_name'] AS task_name,
    a['taskmon.app'] AS app,
    a['taskmon.root_id'] AS root_id,
    a['taskmon.parent_id'] AS parent_id,
    a['taskmon.group_id'] AS group_id,
    toUInt32OrNull(a['taskmon.group_index']) AS group_index,
    a['taskmon.chord_id'] AS chord_id,
    toUInt32OrZero(if(a['taskmon.retries'] != '', a['taskmon.retries'], a['celery.retries'])) AS retries,
    multiIf(
        a['taskmon.queue'] != '', a['taskmon.queue'],
        a['messaging.destination.name'] != '', a['messaging.destination.name'],
        a['messaging.destination']) AS queue,
    if(a['taskmon.routing_key'] != '', a['taskmon.routing_key'], a['messaging.destination']) AS routing_key,
    toUInt8OrNull(a['taskmon.priority']) AS priority,
    if(
        a['taskmon.eta'] != '',
        time_of(toInt64OrZero(a['taskmon.eta'])),
        parseDateTime64BestEffortOrNull(a['celery.eta'], 6, 'UTC')) AS eta,
    if(
        a['taskmon.expires'] != '',
        time_of(toInt64OrZero(a['taskmon.expires'])),
        parseDateTime64BestEffortOrNull(a['celery.expires'], 6, 'UTC')) AS expires,
    a['taskmon.args'] AS args,
    a['taskmon.kwargs'] AS kwargs,
    a['taskmon.payload.notes'] AS payload_notes,
    StatusCode = 'Error' AS is_error,
    exc['exception.type'] AS exc_type,
    exc['exception.message'] AS exc_message,
    ServiceName AS service,
    if(
        r['deployment.environment.name'] != '',
        r['deployment.environment.name'],
        r['deployment.environment']) AS environment,
    r['service.version'] AS release,
    if(a['taskmon.host'] != '', a['taskmon.host'], r['host.name']) AS host,
    TraceId AS trace_id,
    SpanId AS span_id,
    ParentSpanId AS parent_span_id,
    plausible(stamped_first_ns) AS stamped
FROM otel.otel_traces
WHERE
    a['celery.action'] = 'apply_async'
    AND SpanKind = 'Producer'
    AND a['messaging.message.id'] != '';
