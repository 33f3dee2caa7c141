-- How many hours a table keeps its rows at least, from its TTL; 0 for a table without one.
SELECT
    arrayMin(
        found -> toUInt32OrZero(found[2]) * if(found[1] = 'Day', 24, 1),
        extractAllGroupsVertical(engine_full, 'toInterval(Hour|Day)\\((?:_CAST\\()?(\\d+)')) AS hours
FROM system.tables
-- on a cluster the rows, and their TTL, are in the local table behind the distributed one
WHERE database = 'otel' AND name IN ({table:String}, concat({table:String}, '_local'))
ORDER BY length(name) DESC
LIMIT 1
