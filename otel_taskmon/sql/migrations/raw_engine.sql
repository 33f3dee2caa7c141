-- What otel_traces is: Distributed on a cluster; no row where it is not there.
SELECT engine
FROM system.tables
WHERE database = 'otel' AND name = 'otel_traces'
