-- As facets, where fields are filtered: each facet obeys all filters but its own. A row counts for a facet when it fails
-- no filter, or only that one; facets without a filter have the same count, which is then made once. Values that are
-- chosen now come first, so that none of them falls behind the limit.
SELECT
    facet,
    told.1 AS facet_value,
    sum(told.2) AS rows,
    multiIf(
        facet = 0, has({states:Array(String)}, assumeNotNull(facet_value)),
        facet = 1, has({apps:Array(String)}, assumeNotNull(facet_value)),
        facet = 2, has({names:Array(String)}, assumeNotNull(facet_value)),
        facet = 3, has({exceptions:Array(String)}, assumeNotNull(facet_value)),
        facet = 4, has({queues:Array(String)}, assumeNotNull(facet_value)),
        facet = 5, has({workers:Array(String)}, assumeNotNull(facet_value)),
        has({priorities:Array(Int16)}, ifNull(toInt16OrNull(facet_value), -1))) AS chosen
FROM
(
    SELECT
        --: facet_columns
        facet_value AS counted_state,
        toInt64(multiIf(
            facet = 0, countIf(fails = 0 OR fails = if(empty({states:Array(String)}), 0, 1)),
            facet = 1, countIf(fails = 0 OR fails = if(empty({apps:Array(String)}), 0, 2)),
            facet = 2, countIf(fails = 0 OR fails = if(empty({names:Array(String)}), 0, 4)),
            facet = 3, countIf(fails = 0 OR fails = if(empty({exceptions:Array(String)}), 0, 8)),
            facet = 4, countIf(fails = 0 OR fails = if(empty({queues:Array(String)}), 0, 16)),
            facet = 5, countIf(fails = 0 OR fails = if(empty({workers:Array(String)}), 0, 32)),
            countIf(fails = 0 OR fails = if(empty({priorities:Array(Int16)}), 0, 64)))) AS counted,
        toInt64(countIf(is_restated AND (fails = 0 OR fails = if(empty({states:Array(String)}), 0, 1)))) AS restated
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
            is_restated,
            toUInt8(
                --: failing_fields
            ) AS fails
        FROM
            --: counted_source
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
)
ARRAY JOIN
    --: facet_counts
    AS told
GROUP BY facet, facet_value
HAVING rows > 0 AND NOT (facet = 3 AND facet_value = '')
ORDER BY facet, chosen DESC, rows DESC, facet_value
LIMIT {limit:UInt32} BY facet
