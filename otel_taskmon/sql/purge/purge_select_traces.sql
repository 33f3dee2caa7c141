-- The traces of the chosen tasks.
INSERT INTO otel.purge_selection (purge, kind, chunk, id)
SELECT DISTINCT {purge:String}, 'trace', {chunk:UInt32}, trace_id
FROM
(
    SELECT trace_id
    FROM otel.celery_task_runs
    WHERE task_id IN (
        --: purge_ids
    )
    UNION ALL
    SELECT trace_id
    FROM otel.celery_task_sends
    WHERE task_id IN (
        --: purge_ids
    )
)
WHERE trace_id != ''
