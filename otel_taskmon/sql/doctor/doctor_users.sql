-- Which of the users that otel_taskmon/schema/users makes are there; only who manages users may ask.
SELECT name
FROM system.users
WHERE name IN ('ingest', 'viewer')
ORDER BY name
