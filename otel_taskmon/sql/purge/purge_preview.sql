-- What a purge would delete: tasks by state, and from when to when they were published.
SELECT
    state,
    count() AS tasks,
    min(first_published_at) AS oldest,
    max(first_published_at) AS newest
FROM otel.celery_tasks_current
WHERE
    (
        --: purge_wanted
    )
    AND changed_at < fromUnixTimestamp64Micro({older_us:Int64}, 'UTC')
GROUP BY state
ORDER BY tasks DESC, state
