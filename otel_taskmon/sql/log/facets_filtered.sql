-- As facets, where fields are filtered: each facet obeys all filters but its own. A row counts for a facet when it fails
-- no filter, or only that one. Values that are chosen now come first, so that none of them falls behind the limit.
SELECT
    --: facet_columns
    multiIf(
        facet = 0, countIf(bitAnd(fails, 254) = 0),
        facet = 1, countIf(bitAnd(fails, 253) = 0),
        facet = 2, countIf(bitAnd(fails, 251) = 0),
        facet = 3, countIf(bitAnd(fails, 247) = 0),
        facet = 4, countIf(bitAnd(fails, 239) = 0),
        facet = 5, countIf(bitAnd(fails, 223) = 0),
        countIf(bitAnd(fails, 191) = 0)) AS rows,
    multiIf(
        facet = 0, has({states:Array(String)}, assumeNotNull(facet_value)),
        facet = 1, has({apps:Array(String)}, assumeNotNull(facet_value)),
        facet = 2, has({names:Array(String)}, assumeNotNull(facet_value)),
        facet = 3, has({exceptions:Array(String)}, assumeNotNull(facet_value)),
        facet = 4, has({queues:Array(String)}, assumeNotNull(facet_value)),
        facet = 5, has({workers:Array(String)}, assumeNotNull(facet_value)),
        has({priorities:Array(Int16)}, toInt16(ifNull(priority, -1)))) AS chosen
FROM
(
    SELECT
        state,
        app,
        task_name,
        exc_type,
        queue,
        worker,
        priority,
        toUInt8(
            --: failing_fields
        ) AS fails
    FROM
        --: source
    WHERE
        (
            --: time_range
        )
        AND (
            --: search
        )
)
WHERE bitCount(fails) <= 1
GROUP BY GROUPING SETS ((state), (app), (task_name), (exc_type), (queue), (worker), (priority))
HAVING rows > 0 AND NOT (facet = 3 AND facet_value = '')
ORDER BY facet, chosen DESC, rows DESC, facet_value
LIMIT {limit:UInt32} BY facet
