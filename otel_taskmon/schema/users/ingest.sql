-- The Collector's user: inserts into the raw tables, and may look at their columns, which its exporter does at its start.
-- It reads nothing. The views write into the typed tables with the rights of the user that made them (taskmon migrate).
-- Parameter: password, of the user ingest. Run again to change it.
CREATE SETTINGS PROFILE IF NOT EXISTS taskmon_ingest;

-- One bad clock must not hold up a batch: its rows open more partitions than one insert may.
-- The blocks of a batch that is sent again are known, also by the views.
ALTER SETTINGS PROFILE taskmon_ingest SETTINGS
    async_insert = 0,
    throw_on_max_partitions_per_insert_block = 0,
    deduplicate_blocks_in_dependent_materialized_views = 1,
    distributed_foreground_insert = 1,
    max_execution_time = 60 MAX 600;

CREATE USER IF NOT EXISTS ingest IDENTIFIED WITH sha256_password BY {password:String};

ALTER USER ingest IDENTIFIED WITH sha256_password BY {password:String} SETTINGS PROFILE 'taskmon_ingest';

REVOKE ALL ON *.* FROM ingest;

GRANT INSERT, SHOW COLUMNS ON otel.otel_traces TO ingest;

GRANT INSERT, SHOW COLUMNS ON otel.otel_logs TO ingest;

GRANT INSERT, SHOW COLUMNS ON otel.otel_metrics_gauge TO ingest;

GRANT INSERT, SHOW COLUMNS ON otel.otel_metrics_sum TO ingest;

GRANT INSERT, SHOW COLUMNS ON otel.otel_metrics_histogram TO ingest;

GRANT INSERT, SHOW COLUMNS ON otel.otel_metrics_exponential_histogram TO ingest;

GRANT INSERT, SHOW COLUMNS ON otel.otel_metrics_summary TO ingest;
