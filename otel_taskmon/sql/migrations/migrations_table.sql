-- One row where the table of applied files is there. Asked first, so that looking creates nothing.
SELECT name
FROM system.tables
WHERE database = 'otel' AND name = 'schema_migrations'
