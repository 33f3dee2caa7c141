-- Every task of the range is looked at.
--: search_own
OR (first_published_at, task_id) IN (
    --: search_payload_keys
)
