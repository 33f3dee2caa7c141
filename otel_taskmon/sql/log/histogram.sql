-- Rows over time by state; buckets begin at multiples of their width since the epoch.
SELECT start, told.1 AS state, sum(told.2) AS count
FROM
(
    SELECT
        --: bucket_start
        AS start,
        toString(state) AS counted_state,
        toInt64(count()) AS counted,
        toInt64(sum(is_restated)) AS restated
    FROM
        --: counted_source
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
    GROUP BY start, state
)
ARRAY JOIN
    [
        (counted_state, counted - restated),
        (
            --: restated_as
            ,
            restated)
    ] AS told
GROUP BY start, state
HAVING count > 0
ORDER BY start, state
