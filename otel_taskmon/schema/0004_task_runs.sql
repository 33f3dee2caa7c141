-- One row per execution. The key starts with the time that never moves (first_published_at), then the task, then the
-- execution: a repeated or second report of the same execution replaces the first, and all executions of a task lie
-- side by side. report_rank: what the main process reports goes before what the pool process reported.
CREATE TABLE IF NOT EXISTS otel.celery_task_runs
(
    first_published_at DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    task_id            String CODEC(ZSTD(1)),
    execution_id       String CODEC(ZSTD(1)),
    started_at         DateTime64(6, 'UTC') CODEC(T64, ZSTD(1)),
    ended_at           DateTime64(6, 'UTC') CODEC(T64, ZSTD(1)),
    duration_ns        Nullable(UInt64) CODEC(T64, ZSTD(1)),
    published_at       Nullable(DateTime64(6, 'UTC')) CODEC(Delta(8), ZSTD(1)),
    received_at        Nullable(DateTime64(6, 'UTC')) CODEC(T64, ZSTD(1)),
    eta                Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1)),
    expires            Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1)),
    queue_wait_ns      Nullable(UInt64) CODEC(T64, ZSTD(1)),
    queue_wait_raw_ns  Nullable(Int64) CODEC(T64, ZSTD(1)),
    prefetch_wait_ns   Nullable(UInt64) CODEC(T64, ZSTD(1)),
    task_name          LowCardinality(String),
    app                LowCardinality(String),
    root_id            String CODEC(ZSTD(1)),
    parent_id          String CODEC(ZSTD(1)),
    group_id           String CODEC(ZSTD(1)),
    group_index        Nullable(UInt32) CODEC(T64, ZSTD(1)),
    chord_id           String CODEC(ZSTD(1)),
    retries            UInt32 CODEC(T64, ZSTD(1)),
    state              LowCardinality(String),
    reason             String CODEC(ZSTD(1)),
    queue              LowCardinality(String),
    routing_key        LowCardinality(String),
    priority           Nullable(UInt8),
    redelivered        UInt8,
    worker             LowCardinality(String),
    boot_id            LowCardinality(String),
    pid                UInt32 CODEC(ZSTD(1)),
    host               LowCardinality(String),
    service            LowCardinality(String),
    environment        LowCardinality(String),
    release            LowCardinality(String),
    args               String CODEC(ZSTD(1)),
    kwargs             String CODEC(ZSTD(1)),
    result             String CODEC(ZSTD(1)),
    payload_notes      LowCardinality(String),
    exc_type           LowCardinality(String),
    exc_message        String CODEC(ZSTD(1)),
    exc_stacktrace     String CODEC(ZSTD(6)),
    exc_fingerprint    LowCardinality(String),
    is_error           UInt8,
    is_eager           UInt8,
    trace_id           String CODEC(ZSTD(1)),
    span_id            String CODEC(ZSTD(1)),
    parent_span_id     String CODEC(ZSTD(1)),
    report_rank        UInt8,
    ingested_at        DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    INDEX idx_task_id     task_id     TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_trace_id    trace_id    TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_root_id     root_id     TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_parent_id   parent_id   TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_started_at  started_at  TYPE minmax GRANULARITY 1,
    INDEX idx_ingested_at ingested_at TYPE minmax GRANULARITY 1,
    INDEX idx_args        args        TYPE text(tokenizer = ngrams(3), preprocessor = lowerUTF8(args), posting_list_codec = 'bitpacking'),
    INDEX idx_kwargs      kwargs      TYPE text(tokenizer = ngrams(3), preprocessor = lowerUTF8(kwargs), posting_list_codec = 'bitpacking'),
    INDEX idx_exc_message exc_message TYPE text(tokenizer = ngrams(3), preprocessor = lowerUTF8(exc_message), posting_list_codec = 'bitpacking'),
    INDEX idx_exc_stacktrace exc_stacktrace TYPE text(tokenizer = ngrams(3), preprocessor = lowerUTF8(exc_stacktrace), posting_list_codec = 'bitpacking')
)
ENGINE = ReplacingMergeTree(report_rank)
PARTITION BY toDate(first_published_at)
ORDER BY (first_published_at, task_id, execution_id)
TTL toDateTime(started_at) + INTERVAL 30 DAY DELETE
SETTINGS ttl_only_drop_parts = 1, index_granularity = 512, min_compress_block_size = 4096,
    min_age_to_force_merge_seconds = 3600, min_age_to_force_merge_on_partition_only = 1;

-- Total on purpose: no expression may throw, since a view that throws fails the insert after the raw row is written.
-- Times come as text, integer nanoseconds since the epoch; text that is no number counts as absent.
-- A time counts only within 400 days before and 2 days after the span's own, or it would open a partition of its own.
-- What the stock instrumentation writes stands in where our attribute is missing, except celery.hostname, which names
-- the publisher.
CREATE MATERIALIZED VIEW IF NOT EXISTS otel.celery_task_runs_mv TO otel.celery_task_runs AS
WITH
    SpanAttributes AS a,
    ResourceAttributes AS r,
    toUnixTimestamp64Nano(Timestamp) AS span_start_ns,
    span_start_ns + toInt64(least(Duration, 34560000000000000)) AS span_end_ns,
    (ns -> if(ns > 0, fromUnixTimestamp64Micro(intDiv(ns, 1000), 'UTC'), NULL)) AS time_of,
    (ns -> ns > span_start_ns - 34560000000000000 AND ns < span_end_ns + 172800000000000) AS plausible,
    toInt64OrZero(a['taskmon.started_at']) AS stamped_start_ns,
    toInt64OrZero(a['taskmon.first_published_at']) AS stamped_first_ns,
    toInt64OrZero(a['taskmon.published_at']) AS stamped_published_ns,
    if(plausible(stamped_published_ns), stamped_published_ns, 0) AS published_ns,
    toInt64OrZero(a['taskmon.received_at']) AS stamped_received_ns,
    if(plausible(stamped_received_ns), stamped_received_ns, 0) AS received_ns,
    a['taskmon.reporter'] = 'main' AND stamped_start_ns = 0 AS nothing_ran,
    multiIf(nothing_ran, span_end_ns, plausible(stamped_start_ns), stamped_start_ns, span_start_ns) AS started_ns,
    multiIf(
        plausible(stamped_first_ns), stamped_first_ns,
        received_ns > 0, received_ns,
        started_ns) AS first_published_ns,
    if(
        a['taskmon.eta'] != '',
        time_of(toInt64OrZero(a['taskmon.eta'])),
        parseDateTime64BestEffortOrNull(a['celery.eta'], 6, 'UTC')) AS eta_time,
    if(
        a['taskmon.expires'] != '',
        time_of(toInt64OrZero(a['taskmon.expires'])),
        parseDateTime64BestEffortOrNull(a['celery.expires'], 6, 'UTC')) AS expires_time,
    ifNull(toUnixTimestamp64Micro(eta_time) * 1000, 0) AS eta_ns,
    multiIf(
        a['taskmon.redelivered'] != '', lower(a['taskmon.redelivered']) IN ('true', '1'),
        position(a['celery.delivery_info'], '\'redelivered\': True') > 0) AS was_redelivered,
    nothing_ran OR published_ns = 0 AS wait_unknown,
    started_ns - greatest(published_ns, eta_ns) AS raw_wait_ns,
    multiIf(
        a['celery.state'] != '', upper(a['celery.state']),
        StatusCode = 'Error', 'FAILURE',
        'LOST') AS outcome,
    if(outcome = 'SUCCESS', 0, arrayLastIndex(name -> name = 'exception', Events.Name)) AS exc_at,
    Events.Attributes[exc_at] AS exc
SELECT
    fromUnixTimestamp64Micro(intDiv(first_published_ns, 1000), 'UTC') AS first_published_at,
    a['messaging.message.id'] AS task_id,
    if(a['taskmon.execution_id'] != '', a['taskmon.execution_id'], SpanId) AS execution_id,
    fromUnixTimestamp64Micro(intDiv(started_ns, 1000), 'UTC') AS started_at,
    fromUnixTimestamp64Micro(intDiv(greatest(started_ns, span_end_ns), 1000), 'UTC') AS ended_at,
    if(nothing_ran, NULL, toUInt64(greatest(span_end_ns - started_ns, 0))) AS duration_ns,
    time_of(published_ns) AS published_at,
    time_of(received_ns) AS received_at,
    eta_time AS eta,
    expires_time AS expires,
    if(wait_unknown OR was_redelivered, NULL, toUInt64(greatest(raw_wait_ns, 0))) AS queue_wait_ns,
    if(wait_unknown, NULL, raw_wait_ns) AS queue_wait_raw_ns,
    if(
        nothing_ran OR received_ns = 0,
        NULL,
        toUInt64(greatest(started_ns - greatest(received_ns, eta_ns), 0))) AS prefetch_wait_ns,
    a['celery.task_name'] AS task_name,
    a['taskmon.app'] AS app,
    a['taskmon.root_id'] AS root_id,
    a['taskmon.parent_id'] AS parent_id,
    a['taskmon.group_id'] AS group_id,
    toUInt32OrNull(a['taskmon.group_index']) AS group_index,
    a['taskmon.chord_id'] AS chord_id,
    toUInt32OrZero(if(a['taskmon.retries'] != '', a['taskmon.retries'], a['celery.retries'])) AS retries,
    outcome AS state,
    multiIf(
        a['taskmon.reason'] != '', a['taskmon.reason'],
        a['celery.retry.reason'] != '', a['celery.retry.reason'],
        outcome = 'LOST' AND a['celery.state'] = '', 'ended without a state',
        '') AS reason,
    multiIf(
        a['taskmon.queue'] != '', a['taskmon.queue'],
        a['messaging.destination.name'] != '', a['messaging.destination.name'],
        a['messaging.destination']) AS queue,
    if(a['taskmon.routing_key'] != '', a['taskmon.routing_key'], a['messaging.destination']) AS routing_key,
    toUInt8OrNull(if(
        a['taskmon.priority'] != '',
        a['taskmon.priority'],
        extract(a['celery.delivery_info'], '\'priority\': (\\d+)'))) AS priority,
    was_redelivered AS redelivered,
    -- an eager task of a publisher has no worker, and the SDK draws an instance id for every process
    if(a['taskmon.reporter'] != '', a['taskmon.worker'], r['service.instance.id']) AS worker,
    a['taskmon.worker.boot_id'] AS boot_id,
    toUInt32OrZero(if(a['taskmon.pid'] != '', a['taskmon.pid'], r['process.pid'])) AS pid,
    if(a['taskmon.host'] != '', a['taskmon.host'], r['host.name']) AS host,
    ServiceName AS service,
    if(
        r['deployment.environment.name'] != '',
        r['deployment.environment.name'],
        r['deployment.environment']) AS environment,
    r['service.version'] AS release,
    a['taskmon.args'] AS args,
    a['taskmon.kwargs'] AS kwargs,
    a['taskmon.result'] AS result,
    a['taskmon.payload.notes'] AS payload_notes,
    exc['exception.type'] AS exc_type,
    exc['exception.message'] AS exc_message,
    exc['exception.stacktrace'] AS exc_stacktrace,
    exc['taskmon.exception.fingerprint'] AS exc_fingerprint,
    StatusCode = 'Error' OR outcome = 'LOST' AS is_error,
    lower(a['taskmon.is_eager']) IN ('true', '1') AS is_eager,
    TraceId AS trace_id,
    SpanId AS span_id,
    ParentSpanId AS parent_span_id,
    if(a['taskmon.reporter'] = 'main', 2, 1) AS report_rank
FROM otel.otel_traces
WHERE
    a['celery.action'] = 'run'
    AND SpanKind = 'Consumer'
    AND a['messaging.message.id'] != ''
    AND lower(a['taskmon.torn']) NOT IN ('true', '1');
