-- Workers by node name, those heard of last first, with what the newest heartbeat of each said it runs and holds.
WITH
    lives AS
    (
        SELECT
            worker,
            count() AS boots,
            argMax(boot_id, last_seen_at) AS boot_id,
            argMax(host, last_seen_at) AS host,
            argMax(service, last_seen_at) AS service,
            argMax(is_alive, last_seen_at) AS is_alive,
            min(first_seen_at) AS first_seen,
            max(last_seen_at) AS last_seen
        FROM otel.celery_worker_boots_latest
        GROUP BY worker
        HAVING last_seen >= fromUnixTimestamp64Micro({since_us:Int64}, 'UTC')
    ),
    said AS
    (
        SELECT
            boot_id,
            argMax(attrs, ts) AS newest
        FROM otel.celery_task_events
        WHERE event IN ('online', 'heartbeat', 'offline') AND boot_id IN (SELECT boot_id FROM lives)
            AND ts >= (SELECT min(last_seen) - INTERVAL 1 DAY FROM lives)
        GROUP BY boot_id
    )
SELECT
    lives.worker AS worker,
    lives.is_alive AS is_alive,
    lives.first_seen AS first_seen,
    lives.last_seen AS last_seen,
    lives.boots AS boots,
    lives.boot_id AS boot_id,
    lives.host AS host,
    lives.service AS service,
    toUInt32OrNull(said.newest['taskmon.worker.running_count']) AS running,
    toUInt32OrNull(said.newest['taskmon.worker.held_count']) AS held,
    toUInt32OrNull(said.newest['taskmon.worker.pool_size']) AS pool_size,
    arrayFilter(id -> id != '', splitByChar(',', said.newest['taskmon.worker.running'])) AS running_execution_ids,
    said.newest['taskmon.worker.version'] AS version,
    said.newest['taskmon.worker.celery_version'] AS celery_version
FROM lives
LEFT JOIN said ON said.boot_id = lives.boot_id
ORDER BY lives.last_seen DESC, lives.worker
