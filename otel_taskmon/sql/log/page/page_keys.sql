-- The keys of one page of the log, in its order. Paging is by the last row's sort value and key, so rows that arrive
-- meanwhile move nothing.
SELECT
    (
        --: sort
    ) AS sort_value,
    first_published_at,
    task_id,
    (
        --: row_id
    ) AS row_id
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
    AND (
        --: after
    )
ORDER BY
    --: order
LIMIT {limit:UInt32}
