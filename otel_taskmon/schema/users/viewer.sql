-- The user of the viewer, the commands and Grafana: reads the database otel and nothing else.
-- No grant on any source (FILE, URL, REMOTE, S3 …), so the table functions that reach beyond the tables are refused, and
-- no right to make a temporary table, which they would need as well.
-- Parameter: password, of the user viewer. Run again to change it.
CREATE SETTINGS PROFILE IF NOT EXISTS taskmon_viewer;

-- readonly = 2: it may set bounds of its own within these, which every ClickHouse client and the viewer do.
-- distributed_product_mode: on a cluster, what stands in IN (SELECT …) is asked once and sent to all shards.
ALTER SETTINGS PROFILE taskmon_viewer SETTINGS
    readonly = 2 READONLY,
    allow_ddl = 0 READONLY,
    allow_introspection_functions = 0 READONLY,
    max_execution_time = 60 MAX 600,
    max_memory_usage = 2000000000 MAX 4000000000,
    max_rows_to_read = 2000000000 MAX 20000000000,
    max_concurrent_queries_for_user = 32,
    distributed_product_mode = 'global';

CREATE USER IF NOT EXISTS viewer IDENTIFIED WITH sha256_password BY {password:String};

ALTER USER viewer IDENTIFIED WITH sha256_password BY {password:String} SETTINGS PROFILE 'taskmon_viewer';

REVOKE ALL ON *.* FROM viewer;

GRANT SELECT ON otel.* TO viewer;

-- Sizes on the pages and in taskmon doctor, and whether the hourly statistics are computed.
GRANT SELECT ON system.parts TO viewer;

GRANT SELECT ON system.view_refreshes TO viewer;
