-- Gives the lock back, or takes it from a run that was cut short.
DROP TABLE IF EXISTS otel.schema_migrating SYNC
