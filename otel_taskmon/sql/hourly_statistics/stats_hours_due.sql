-- Hours to compute again.
INSERT INTO otel.celery_task_stats_due (hour)
SELECT toDateTime(arrayJoin({hours:Array(UInt32)}), 'UTC')
