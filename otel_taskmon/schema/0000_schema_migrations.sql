-- Which of these files were applied, by which program. Written by otel_taskmon.migrate.
CREATE DATABASE IF NOT EXISTS otel;

CREATE TABLE IF NOT EXISTS otel.schema_migrations
(
    version    UInt32,
    name       String,
    checksum   String,
    program    String,
    applied_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC')
)
ENGINE = ReplacingMergeTree(applied_at)
ORDER BY version;
