-- Tasks by the state that is stored, and whether it is another one at the moment of reading.
(SELECT * REPLACE (stored_state AS state) FROM otel.celery_tasks_current)
