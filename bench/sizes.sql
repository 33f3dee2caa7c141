SELECT table, sum(rows), sum(bytes_on_disk) FROM system.parts
WHERE database = 'otel' AND active AND rows > 0 GROUP BY table ORDER BY 3 DESC
