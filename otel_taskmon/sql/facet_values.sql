-- Values with counts for one facet. Values that are chosen now come first, so that none of them falls behind the limit.
SELECT
    --: facet
    AS facet_value,
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
GROUP BY facet_value
ORDER BY ifNull(facet_value, '') IN {chosen:Array(String)} DESC, rows DESC, facet_value
LIMIT {limit:UInt32}
