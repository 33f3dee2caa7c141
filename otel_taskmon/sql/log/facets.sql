-- Values with counts for all seven facets in one pass, when no field is filtered. Having no exception is no value.
SELECT facet, told.1 AS facet_value, sum(told.2) AS rows
FROM
(
    SELECT
        --: facet_columns
        facet_value AS counted_state,
        toInt64(count()) AS counted,
        toInt64(sum(is_restated)) AS restated
    FROM
        --: counted_source
    WHERE
        (
            --: time_range
        )
        AND (
            --: search
        )
    GROUP BY GROUPING SETS ((state), (app), (task_name), (exc_type), (queue), (worker), (priority))
)
ARRAY JOIN
    --: facet_counts
    AS told
GROUP BY facet, facet_value
HAVING rows > 0 AND NOT (facet = 3 AND facet_value = '')
ORDER BY facet, rows DESC, facet_value
LIMIT {limit:UInt32} BY facet
