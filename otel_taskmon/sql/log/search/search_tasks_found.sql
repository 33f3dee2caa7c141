-- As search_tasks_few, where few tasks hold the text in their arguments and exceptions too, and their keys are given.
(
    (first_published_at, task_id) IN (
        --: given_keys
    )
    AND (
        --: search_own
    )
)
OR (first_published_at, task_id) IN (
    --: found_keys
)
