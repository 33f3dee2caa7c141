-- Values with counts for all seven facets in one pass, when no field is filtered. Having no exception is no value.
SELECT
    --: facet_columns
    count() AS rows
FROM
    --: source
WHERE
    (
        --: time_range
    )
    AND (
        --: search
    )
GROUP BY GROUPING SETS ((state), (app), (task_name), (exc_type), (queue), (worker), (priority))
HAVING NOT (facet = 3 AND facet_value = '')
ORDER BY facet, rows DESC, facet_value
LIMIT {limit:UInt32} BY facet
