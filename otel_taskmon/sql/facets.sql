-- Values with counts for all seven facets in one pass over the rows that fit every filter, numbered in this order:
-- state, app, name, exception, queue, worker, priority. Having no exception is no value.
SELECT
    transform(
        bitXor(grouping(state, app, task_name, exc_type, queue, worker, priority), 127),
        [64, 32, 16, 8, 4, 2, 1],
        [0, 1, 2, 3, 4, 5, 6],
        7) AS facet,
    multiIf(
        facet = 0, toNullable(toString(state)),
        facet = 1, toNullable(toString(app)),
        facet = 2, toNullable(toString(task_name)),
        facet = 3, toNullable(toString(exc_type)),
        facet = 4, toNullable(toString(queue)),
        facet = 5, toNullable(toString(worker)),
        toString(priority)) AS facet_value,
    count() AS rows
FROM
    --: source
WHERE
    (
        --: time_range
    )
    AND (
        --: field_filter
    )
    AND (
        --: search
    )
GROUP BY GROUPING SETS ((state), (app), (task_name), (exc_type), (queue), (worker), (priority))
HAVING NOT (facet = 3 AND facet_value = '')
ORDER BY facet, rows DESC, facet_value
LIMIT {limit:UInt32} BY facet
