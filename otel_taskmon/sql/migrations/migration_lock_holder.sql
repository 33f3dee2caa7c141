-- Who has the lock, and for how many seconds nothing was heard from there; no row where nobody has it.
SELECT
    (SELECT argMax(holder, at) FROM otel.schema_migrating) AS holder,
    dateDiff(
        'second',
        greatest((SELECT max(at) FROM otel.schema_migrating), toDateTime64(metadata_modification_time, 3, 'UTC')),
        now64(3, 'UTC')) AS silent_s
FROM system.tables
WHERE database = 'otel' AND name = 'schema_migrating'
