-- Which files of schema/ this database has, and which program applied them.
SELECT version, name, checksum, program
FROM otel.schema_migrations FINAL
ORDER BY version
