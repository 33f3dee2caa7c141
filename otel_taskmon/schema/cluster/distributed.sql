-- Every table whose rows are spread over the shards: under its usual name, in front of the table …_local that holds them.
-- '{cluster}' stands for the name that taskmon migrate --cluster is given.
--
-- All rows of one task must be on one shard, or FINAL could not put them together: so its spans and events go by the
-- task id, whether or not a trace context came with the message. Everything else of a trace goes by its trace id.
-- Tables without a sharding key are filled by the views of each shard, and nobody may insert into them from here.
CREATE TABLE IF NOT EXISTS otel.otel_traces ON CLUSTER '{cluster}' AS otel.otel_traces_local
ENGINE = Distributed(
    '{cluster}', 'otel', 'otel_traces_local',
    cityHash64(if(
        SpanAttributes['messaging.message.id'] != '', SpanAttributes['messaging.message.id'], TraceId)));

CREATE TABLE IF NOT EXISTS otel.otel_logs ON CLUSTER '{cluster}' AS otel.otel_logs_local
ENGINE = Distributed(
    '{cluster}', 'otel', 'otel_logs_local',
    cityHash64(multiIf(
        LogAttributes['messaging.message.id'] != '', LogAttributes['messaging.message.id'],
        TraceId != '', TraceId,
        concat(ServiceName, LogAttributes['taskmon.worker.boot_id']))));

-- Depth, unacked and the other gauges of one queue meet in one row of celery_queue_depth: by the queue's name.
CREATE TABLE IF NOT EXISTS otel.otel_metrics_gauge ON CLUSTER '{cluster}' AS otel.otel_metrics_gauge_local
ENGINE = Distributed(
    '{cluster}', 'otel', 'otel_metrics_gauge_local',
    cityHash64(if(
        Attributes['messaging.destination.name'] != '',
        Attributes['messaging.destination.name'],
        concat(ServiceName, MetricName))));

CREATE TABLE IF NOT EXISTS otel.otel_metrics_sum ON CLUSTER '{cluster}' AS otel.otel_metrics_sum_local
ENGINE = Distributed('{cluster}', 'otel', 'otel_metrics_sum_local', cityHash64(ServiceName, MetricName));

CREATE TABLE IF NOT EXISTS otel.otel_metrics_histogram ON CLUSTER '{cluster}' AS otel.otel_metrics_histogram_local
ENGINE = Distributed('{cluster}', 'otel', 'otel_metrics_histogram_local', cityHash64(ServiceName, MetricName));

CREATE TABLE IF NOT EXISTS otel.otel_metrics_exponential_histogram ON CLUSTER '{cluster}'
AS otel.otel_metrics_exponential_histogram_local
ENGINE = Distributed(
    '{cluster}', 'otel', 'otel_metrics_exponential_histogram_local', cityHash64(ServiceName, MetricName));

CREATE TABLE IF NOT EXISTS otel.otel_metrics_summary ON CLUSTER '{cluster}' AS otel.otel_metrics_summary_local
ENGINE = Distributed('{cluster}', 'otel', 'otel_metrics_summary_local', cityHash64(ServiceName, MetricName));

CREATE TABLE IF NOT EXISTS otel.otel_traces_trace_id_ts ON CLUSTER '{cluster}' AS otel.otel_traces_trace_id_ts_local
ENGINE = Distributed('{cluster}', 'otel', 'otel_traces_trace_id_ts_local');

CREATE TABLE IF NOT EXISTS otel.celery_task_runs ON CLUSTER '{cluster}' AS otel.celery_task_runs_local
ENGINE = Distributed('{cluster}', 'otel', 'celery_task_runs_local');

CREATE TABLE IF NOT EXISTS otel.celery_task_sends ON CLUSTER '{cluster}' AS otel.celery_task_sends_local
ENGINE = Distributed('{cluster}', 'otel', 'celery_task_sends_local');

CREATE TABLE IF NOT EXISTS otel.celery_task_events ON CLUSTER '{cluster}' AS otel.celery_task_events_local
ENGINE = Distributed('{cluster}', 'otel', 'celery_task_events_local');

CREATE TABLE IF NOT EXISTS otel.celery_worker_boots ON CLUSTER '{cluster}' AS otel.celery_worker_boots_local
ENGINE = Distributed('{cluster}', 'otel', 'celery_worker_boots_local');

CREATE TABLE IF NOT EXISTS otel.celery_tasks ON CLUSTER '{cluster}' AS otel.celery_tasks_local
ENGINE = Distributed('{cluster}', 'otel', 'celery_tasks_local');

CREATE TABLE IF NOT EXISTS otel.celery_task_stats_1h ON CLUSTER '{cluster}' AS otel.celery_task_stats_1h_local
ENGINE = Distributed('{cluster}', 'otel', 'celery_task_stats_1h_local');

CREATE TABLE IF NOT EXISTS otel.celery_task_stats_1d ON CLUSTER '{cluster}' AS otel.celery_task_stats_1d_local
ENGINE = Distributed('{cluster}', 'otel', 'celery_task_stats_1d_local');

CREATE TABLE IF NOT EXISTS otel.celery_queue_depth ON CLUSTER '{cluster}' AS otel.celery_queue_depth_local
ENGINE = Distributed('{cluster}', 'otel', 'celery_queue_depth_local');
