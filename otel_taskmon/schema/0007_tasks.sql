-- One row per task: what its newest execution says last. Publishes, events and executions each put in their own row;
-- the highest version stays, so neither order of arrival nor duplicates matter.
-- version, from the high bits down: retries (32) · received_at or else started_at in µs (56) · rank (8) · a hash that
-- decides ties the same way every time (32).
-- rank: 6 end told by the main process, 5 end told by the pool process, 4 STARTED, 3 RECEIVED, 1 SENT, 0 a publish that
-- failed (one that is tried again with the same id has been sent).
-- A publish has no received time: it comes after every execution with fewer retries and before every one with as many.
-- idx_letters, idx_says: for searches. Which letters ids are made of (a text with any other is in no id), and what the
-- tasks of a stretch are called and fail with; both are a few hundred kB for a million tasks.
CREATE TABLE IF NOT EXISTS otel.celery_tasks
(
    first_published_at DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    task_id            String CODEC(ZSTD(1)),
    version            UInt128 CODEC(ZSTD(1)),
    execution_id       String CODEC(ZSTD(1)),
    task_name          LowCardinality(String),
    app                LowCardinality(String),
    state              LowCardinality(String),
    reason             String CODEC(ZSTD(1)),
    retries            UInt32 CODEC(T64, ZSTD(1)),
    published_at       Nullable(DateTime64(6, 'UTC')) CODEC(Delta(8), ZSTD(1)),
    received_at        Nullable(DateTime64(6, 'UTC')) CODEC(T64, ZSTD(1)),
    eta                Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1)),
    expires            Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1)),
    started_at         Nullable(DateTime64(6, 'UTC')) CODEC(T64, ZSTD(1)),
    ended_at           Nullable(DateTime64(6, 'UTC')) CODEC(T64, ZSTD(1)),
    duration_ns        Nullable(UInt64) CODEC(T64, ZSTD(1)),
    queue_wait_ns      Nullable(UInt64) CODEC(T64, ZSTD(1)),
    queue              LowCardinality(String),
    routing_key        LowCardinality(String),
    priority           Nullable(UInt8),
    redelivered        UInt8,
    worker             LowCardinality(String),
    boot_id            LowCardinality(String),
    service            LowCardinality(String),
    environment        LowCardinality(String),
    release            LowCardinality(String),
    host               LowCardinality(String),
    root_id            String CODEC(ZSTD(1)),
    parent_id          String CODEC(ZSTD(1)),
    group_id           String CODEC(ZSTD(1)),
    chord_id           String CODEC(ZSTD(1)),
    is_error           UInt8,
    exc_type           LowCardinality(String),
    exc_message        String CODEC(ZSTD(1)),
    exc_fingerprint    LowCardinality(String),
    payload_notes      LowCardinality(String),
    trace_id           String CODEC(ZSTD(1)),
    changed_at         DateTime64(6, 'UTC') CODEC(T64, ZSTD(1)),
    unfinished_since   Int64 CODEC(ZSTD(1)),
    unfinished_boot    UInt64 CODEC(ZSTD(1)),
    unfinished_run     UInt64 CODEC(ZSTD(1)),
    INDEX idx_task_id   task_id   TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_root_id   root_id   TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_parent_id parent_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_letters   lowerUTF8(task_id) TYPE ngrambf_v1(1, 64, 2, 0) GRANULARITY 16,
    INDEX idx_says      (task_name, app, exc_type) TYPE set(10000) GRANULARITY 64
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toDate(first_published_at)
ORDER BY (first_published_at, task_id)
TTL toDateTime(changed_at) + INTERVAL 30 DAY DELETE
SETTINGS ttl_only_drop_parts = 1, index_granularity = 512, min_compress_block_size = 4096,
    min_age_to_force_merge_seconds = 3600, min_age_to_force_merge_on_partition_only = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS otel.celery_tasks_from_runs_mv TO otel.celery_tasks AS
SELECT
    first_published_at,
    task_id,
    bitOr(
        bitOr(
            bitShiftLeft(toUInt128(retries), 96),
            bitShiftLeft(toUInt128(greatest(toUnixTimestamp64Micro(ifNull(received_at, started_at)), 0)), 40)),
        bitOr(
            bitShiftLeft(toUInt128(4 + report_rank), 32),
            toUInt128(bitAnd(cityHash64(state, span_id), 4294967295)))) AS version,
    execution_id,
    task_name,
    app,
    state,
    reason,
    retries,
    published_at,
    received_at,
    eta,
    expires,
    if(duration_ns IS NULL, NULL, toNullable(started_at)) AS started_at,
    toNullable(ended_at) AS ended_at,
    duration_ns,
    queue_wait_ns,
    queue,
    routing_key,
    priority,
    redelivered,
    worker,
    boot_id,
    service,
    environment,
    release,
    host,
    root_id,
    parent_id,
    group_id,
    chord_id,
    is_error,
    exc_type,
    exc_message,
    exc_fingerprint,
    payload_notes,
    trace_id,
    runs.ended_at AS changed_at
FROM otel.celery_task_runs AS runs;

-- A publish that failed never became a task that anybody waits for: it is FAILURE at once.
CREATE MATERIALIZED VIEW IF NOT EXISTS otel.celery_tasks_from_sends_mv TO otel.celery_tasks AS
SELECT
    first_published_at,
    task_id,
    bitOr(
        bitShiftLeft(toUInt128(retries), 96),
        bitOr(
            bitShiftLeft(toUInt128(if(is_error, 0, 1)), 32),
            toUInt128(bitAnd(cityHash64(is_error, span_id), 4294967295)))) AS version,
    '' AS execution_id,
    task_name,
    app,
    if(is_error, 'FAILURE', 'SENT') AS state,
    if(is_error, 'could not be published', '') AS reason,
    retries,
    toNullable(sent_at) AS published_at,
    CAST(NULL, 'Nullable(DateTime64(6, \'UTC\'))') AS received_at,
    eta,
    expires,
    CAST(NULL, 'Nullable(DateTime64(6, \'UTC\'))') AS started_at,
    if(is_error, toNullable(sent_at), NULL) AS ended_at,
    CAST(NULL, 'Nullable(UInt64)') AS duration_ns,
    CAST(NULL, 'Nullable(UInt64)') AS queue_wait_ns,
    queue,
    routing_key,
    priority,
    0 AS redelivered,
    '' AS worker,
    '' AS boot_id,
    service,
    environment,
    release,
    host,
    root_id,
    parent_id,
    group_id,
    chord_id,
    is_error,
    exc_type,
    exc_message,
    '' AS exc_fingerprint,
    payload_notes,
    trace_id,
    -- ten years ahead at most: a TTL counts in seconds of 32 bits, which end in 2106
    greatest(sent_at, least(ifNull(eta, sent_at), sent_at + toIntervalDay(3653))) AS changed_at,
    if(is_error, 0, ifNull(toUnixTimestamp64Micro(eta), 0)) AS unfinished_since
FROM otel.celery_task_sends
WHERE stamped;

-- An event stands in the same place as the execution it belongs to, so it carries that execution's received_at; one
-- that carries none yields to every end.
-- unfinished_: by whom and since when (µs, the worker's clock) it is told to be held or running; 0 in every other row,
-- except that a publish with an ETA has it in unfinished_since. Since the event and not since the start: by then the
-- worker's lists have it. Three numbers that are nearly always 0 cost next to nothing to read, so who is gone can be
-- asked of a million tasks at once.
CREATE MATERIALIZED VIEW IF NOT EXISTS otel.celery_tasks_from_events_mv TO otel.celery_tasks AS
WITH
    attrs AS a,
    toUnixTimestamp64Micro(ts) * 1000 AS event_ns,
    (ns -> if(ns > 0, fromUnixTimestamp64Micro(intDiv(ns, 1000), 'UTC'), NULL)) AS time_of,
    (ns -> ns > event_ns - 34560000000000000 AND ns < event_ns + 172800000000000) AS plausible,
    toInt64OrZero(a['taskmon.first_published_at']) AS stamped_first_ns,
    toInt64OrZero(a['taskmon.received_at']) AS stamped_received_ns,
    multiIf(
        plausible(stamped_received_ns), stamped_received_ns,
        event = 'received', event_ns,
        0) AS received_ns,
    toInt64OrZero(a['taskmon.started_at']) AS stamped_start_ns,
    if(plausible(stamped_start_ns), stamped_start_ns, event_ns) AS started_ns,
    toInt64OrZero(a['taskmon.published_at']) AS stamped_published_ns,
    if(plausible(stamped_published_ns), stamped_published_ns, 0) AS published_ns,
    toInt64OrZero(a['taskmon.eta']) AS eta_ns,
    lower(a['taskmon.redelivered']) IN ('true', '1') AS was_redelivered
SELECT
    fromUnixTimestamp64Micro(
        intDiv(
            multiIf(
                plausible(stamped_first_ns), stamped_first_ns,
                received_ns > 0, received_ns,
                event_ns),
            1000),
        'UTC') AS first_published_at,
    task_id,
    bitOr(
        bitOr(
            bitShiftLeft(toUInt128(retries), 96),
            bitShiftLeft(toUInt128(intDiv(received_ns, 1000)), 40)),
        bitOr(
            bitShiftLeft(toUInt128(if(event = 'started', 4, 3)), 32),
            toUInt128(bitAnd(cityHash64(event, execution_id, ts), 4294967295)))) AS version,
    execution_id,
    task_name,
    a['taskmon.app'] AS app,
    if(event = 'started', 'STARTED', 'RECEIVED') AS state,
    '' AS reason,
    retries,
    time_of(published_ns) AS published_at,
    time_of(received_ns) AS received_at,
    time_of(eta_ns) AS eta,
    time_of(toInt64OrZero(a['taskmon.expires'])) AS expires,
    if(event = 'started', time_of(started_ns), NULL) AS started_at,
    CAST(NULL, 'Nullable(DateTime64(6, \'UTC\'))') AS ended_at,
    CAST(NULL, 'Nullable(UInt64)') AS duration_ns,
    if(
        event != 'started' OR published_ns = 0 OR was_redelivered,
        NULL,
        toUInt64(greatest(started_ns - greatest(published_ns, eta_ns), 0))) AS queue_wait_ns,
    queue,
    a['taskmon.routing_key'] AS routing_key,
    toUInt8OrNull(a['taskmon.priority']) AS priority,
    was_redelivered AS redelivered,
    worker,
    boot_id,
    service,
    environment,
    release,
    host,
    a['taskmon.root_id'] AS root_id,
    a['taskmon.parent_id'] AS parent_id,
    a['taskmon.group_id'] AS group_id,
    a['taskmon.chord_id'] AS chord_id,
    0 AS is_error,
    '' AS exc_type,
    '' AS exc_message,
    '' AS exc_fingerprint,
    a['taskmon.payload.notes'] AS payload_notes,
    trace_id,
    ts AS changed_at,
    toUnixTimestamp64Micro(ts) AS unfinished_since,
    cityHash64(boot_id, worker) AS unfinished_boot,
    cityHash64(boot_id, worker, execution_id) AS unfinished_run
FROM otel.celery_task_events
WHERE event IN ('received', 'started') AND task_id != '';

-- The state that people read is made here and nowhere else, since two of them depend on the moment of reading:
-- a task that waits for its ETA is SCHEDULED until then, and one whose worker is gone while it ran is LOST. Neither is
-- ever stored, so whatever arrives later, an end above all, has its say.
-- boots.1 to 4: lives of workers; until when each has answered for what it ran (for ever when it is gone); what was
-- running in the lives that go on; those lives. They are few, and are put together once per question: no join.
-- A life that is not known (its events are no longer kept) has been silent since the start, by our own clock.
-- Filters and counts over many tasks read this view; celery_tasks_latest adds what costs a join.
-- is_restated: state is not stored_state. Making the text of a million states costs more than all the rest of counting
-- them, so what counts by state counts stored_state and how many of them are restated.
CREATE VIEW IF NOT EXISTS otel.celery_tasks_current AS
WITH
    (
        SELECT (
            groupArray(cityHash64(boot_id, worker)),
            groupArray(if(is_alive, toUnixTimestamp64Micro(judged_at), toInt64(9223372036854775807))),
            arrayFlatten(groupArray(
                if(is_alive, arrayMap(id -> cityHash64(boot_id, worker, id), running), []))),
            groupArrayIf(cityHash64(boot_id, worker), is_alive))
        FROM otel.celery_worker_boots_latest
    ) AS boots,
    toUnixTimestamp64Micro(now64(6, 'UTC')) AS now_us,
    stored.unfinished_since < transform(stored.unfinished_boot, boots.1, boots.2, now_us - 30000000) AS answered_for,
    stored.state = 'SENT' AND stored.unfinished_since > now_us AS is_scheduled,
    stored.state = 'STARTED' AND answered_for AND stored.unfinished_run NOT IN boots.3 AS is_lost,
    stored.state = 'RECEIVED' AND answered_for AND stored.unfinished_boot NOT IN boots.4 AS is_left
SELECT
    first_published_at,
    task_id,
    execution_id,
    task_name,
    app,
    toLowCardinality(multiIf(
        is_scheduled, 'SCHEDULED',
        is_lost, 'LOST',
        stored.state)) AS state,
    multiIf(is_lost, 'worker gone', is_left, 'worker gone, the broker delivers it again', stored.reason) AS reason,
    retries,
    published_at,
    received_at,
    eta,
    expires,
    started_at,
    ended_at,
    duration_ns,
    queue_wait_ns,
    queue,
    routing_key,
    priority,
    redelivered,
    worker,
    boot_id,
    service,
    environment,
    release,
    host,
    root_id,
    parent_id,
    group_id,
    chord_id,
    toUInt8(stored.is_error OR is_lost) AS is_error,
    exc_type,
    exc_message,
    exc_fingerprint,
    payload_notes,
    trace_id,
    changed_at,
    stored.state AS stored_state,
    toUInt8(is_scheduled OR is_lost) AS is_restated
FROM otel.celery_tasks AS stored FINAL;

CREATE VIEW IF NOT EXISTS otel.celery_tasks_latest AS
SELECT
    tasks.* EXCEPT (stored_state, is_restated),
    toUInt32(ifNull(counted.executions, 0)) AS executions
FROM otel.celery_tasks_current AS tasks
LEFT ANY JOIN
(
    SELECT first_published_at, task_id, count() AS executions
    FROM otel.celery_task_runs FINAL
    GROUP BY first_published_at, task_id
) AS counted
ON counted.first_published_at = tasks.first_published_at AND counted.task_id = tasks.task_id;
