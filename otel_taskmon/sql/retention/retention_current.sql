-- How the tables keep their rows now: hours in the order of the TTL's parts, whether a part has a condition, and whether
-- rows go one by one (1) or with their whole part (0).
SELECT
    name,
    arrayMap(
        found -> toUInt32OrZero(found[2]) * if(found[1] = 'Day', 24, 1),
        extractAllGroupsVertical(ttl, 'toInterval(Hour|Day)\\((?:_CAST\\()?(\\d+)')) AS hours,
    position(ttl, ' WHERE ') > 0 AS with_failures,
    extract(engine_full, 'ttl_only_drop_parts = (\\d)') != '1' AS by_row,
    extract(engine_full, ' TTL (.*?)(?: SETTINGS |$)') AS ttl
FROM system.tables
WHERE database = 'otel' AND name IN {tables:Array(String)}
