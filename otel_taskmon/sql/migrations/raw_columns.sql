-- Columns of the tables that a Collector's exporter may have made before us.
SELECT table, groupArray(name) AS columns
FROM system.columns
WHERE database = 'otel' AND table IN {tables:Array(String)}
GROUP BY table
ORDER BY table
