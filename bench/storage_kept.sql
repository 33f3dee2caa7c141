-- For how many days each table is kept by its TTL; 0 where it has none.
WITH extractGroups(engine_full, 'toInterval(Hour|Day)\\((?:_CAST\\()?(\\d+)') AS found
SELECT
    name,
    toUInt32(ceil(toUInt32OrZero(found[2]) / if(found[1] = 'Hour', 24, 1))) AS days
FROM system.tables
WHERE database = 'otel' AND engine LIKE '%MergeTree'
