-- The user of taskmon migrate and taskmon purge: everything within the database otel, nothing beyond it. It cannot make
-- users: run these files as a user that manages them.
-- Parameter: password, of the user taskmon_admin. Run again to change it.
CREATE USER IF NOT EXISTS taskmon_admin IDENTIFIED WITH sha256_password BY {password:String};

ALTER USER taskmon_admin IDENTIFIED WITH sha256_password BY {password:String};

REVOKE ALL ON *.* FROM taskmon_admin;

GRANT SELECT, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW, DROP, TRUNCATE, OPTIMIZE, SHOW
ON otel.* TO taskmon_admin;

GRANT SYSTEM VIEWS ON otel.* TO taskmon_admin;

GRANT TABLE ENGINE ON * TO taskmon_admin;

GRANT SELECT ON system.parts TO taskmon_admin;

GRANT SELECT ON system.view_refreshes TO taskmon_admin;

-- On a cluster.
GRANT CLUSTER, REMOTE ON *.* TO taskmon_admin;

GRANT SELECT ON system.clusters TO taskmon_admin;

GRANT SELECT ON system.macros TO taskmon_admin;
