-- As search_tasks, where few tasks say it of themselves and their keys are given: only tasks that can match are read. A
-- row that a newer one replaced since may be among the keys: what counts is what the task says now.
(
    (first_published_at, task_id) IN (
        --: given_keys
    )
    AND (
        --: search_own
    )
)
OR (first_published_at, task_id) IN (
    --: search_payload_keys
)
