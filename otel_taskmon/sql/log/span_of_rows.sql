-- What an answer is based on: how many rows, from when to when.
SELECT
    count() AS rows,
    if(rows = 0, NULL, toNullable(min(first_published_at))) AS oldest,
    if(rows = 0, NULL, toNullable(max(first_published_at))) AS newest
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
