-- The rows with the most (or least) of a value, of all that were ever reported, with those that a newer report has
-- replaced among them. Asked without merging, so that only the value's column is read in full.
SELECT
    (
        --: candidate_value
    ) AS candidate,
    first_published_at,
    task_id,
    (
        --: row_id
    ) AS row_id
FROM
    --: candidate_source
WHERE
    (
        --: time_range
    )
    AND (
        --: field_filter
    )
    AND candidate IS NOT NULL
    AND (
        --: candidate_after
    )
ORDER BY
    --: candidate_order
LIMIT {limit:UInt32}
