-- Values with counts for all seven facets in one pass over the rows. Each facet obeys all filters but its own: a row
-- counts for facet i when it fails no filter, or only filter i. Values that are chosen now come first, so that none of
-- them falls behind the limit.
SELECT
    facet,
    facet_value,
    rows
FROM
(
    SELECT
        bitXor(grouping(state, app, task_name, exc_type, queue, worker, priority), 127) AS grouped_by,
        multiIf(
            grouped_by = 64, 0,
            grouped_by = 32, 1,
            grouped_by = 16, 2,
            grouped_by = 8, 3,
            grouped_by = 4, 4,
            grouped_by = 2, 5,
            6) AS facet,
        multiIf(
            facet = 0, toNullable(toString(state)),
            facet = 1, toNullable(toString(app)),
            facet = 2, toNullable(toString(task_name)),
            facet = 3, toNullable(toString(exc_type)),
            facet = 4, toNullable(toString(queue)),
            facet = 5, toNullable(toString(worker)),
            toString(priority)) AS facet_value,
        multiIf(
            facet = 0, has({states:Array(String)}, assumeNotNull(facet_value)),
            facet = 1, has({apps:Array(String)}, assumeNotNull(facet_value)),
            facet = 2, has({names:Array(String)}, assumeNotNull(facet_value)),
            facet = 3, has({exceptions:Array(String)}, assumeNotNull(facet_value)),
            facet = 4, has({queues:Array(String)}, assumeNotNull(facet_value)),
            facet = 5, has({workers:Array(String)}, assumeNotNull(facet_value)),
            has({priorities:Array(Int16)}, toInt16(ifNull(priority, -1)))) AS chosen,
        countIf(bitAnd(fails, 254) = 0) AS rows_state,
        countIf(bitAnd(fails, 253) = 0) AS rows_app,
        countIf(bitAnd(fails, 251) = 0) AS rows_name,
        countIf(bitAnd(fails, 247) = 0) AS rows_exception,
        countIf(bitAnd(fails, 239) = 0) AS rows_queue,
        countIf(bitAnd(fails, 223) = 0) AS rows_worker,
        countIf(bitAnd(fails, 191) = 0) AS rows_priority,
        multiIf(
            facet = 0, rows_state,
            facet = 1, rows_app,
            facet = 2, rows_name,
            facet = 3, rows_exception,
            facet = 4, rows_queue,
            facet = 5, rows_worker,
            rows_priority) AS rows
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
)
WHERE rows > 0 AND NOT (facet = 3 AND facet_value = '')
ORDER BY facet, chosen DESC, rows DESC, facet_value
LIMIT {limit:UInt32} BY facet
