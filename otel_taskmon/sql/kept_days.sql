-- How long a table keeps its rows, from its TTL; no row for a table without one.
SELECT toUInt32OrZero(extract(engine_full, 'TTL [^)]*\\) \\+ toIntervalDay\\((\\d+)\\)')) AS days
FROM system.tables
WHERE database = 'otel' AND name = {table:String} AND days > 0
