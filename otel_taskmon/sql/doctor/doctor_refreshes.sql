-- Whether the hourly statistics are computed: what went wrong with the last time, "" where nothing did.
SELECT view, toString(status), exception
FROM system.view_refreshes
WHERE database = 'otel'
ORDER BY view
