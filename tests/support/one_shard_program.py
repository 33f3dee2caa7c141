"""The cluster schema in the embedded engine, as a cluster of one shard and one server; prints answers as JSON.

``python -m tests.support.one_shard_program FOLDER``. A process of its own: an engine has one directory per process.
There is no Keeper here, so nothing is replicated and nothing goes ``ON CLUSTER``; all else runs as it is.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import chdb

from otel_taskmon.migrate import migrations
from otel_taskmon.migrating.cluster import on_cluster

CLUSTER = "one_shard"
CONFIG = f"""<clickhouse>
<tcp_port>9000</tcp_port>
<remote_servers><{CLUSTER}><shard><replica><host>127.0.0.1</host><port>9000</port></replica></shard></{CLUSTER}>
</remote_servers>
</clickhouse>"""
SPANS = """
INSERT INTO otel.otel_traces
    (Timestamp, TraceId, SpanId, SpanName, SpanKind, ServiceName, SpanAttributes, Duration, StatusCode)
SELECT
    now64(9) - INTERVAL 1 HOUR, concat('trace', toString(number)), toString(number), 'run/shop.pay', 'Consumer', 'shop',
    map('celery.action', 'run', 'messaging.message.id', concat('task', toString(number)),
        'celery.task_name', 'shop.pay', 'celery.state', if(number = 0, 'FAILURE', 'SUCCESS')),
    1000000, if(number = 0, 'Error', 'Ok')
FROM numbers(3)
"""
EVENT = """
INSERT INTO otel.otel_logs (Timestamp, EventName, ServiceName, LogAttributes)
SELECT
    now64(9), 'taskmon.worker.heartbeat', 'shop',
    map('taskmon.worker.boot_id', 'b1', 'taskmon.worker', 'w@h', 'taskmon.worker.running_count', '0')
"""
QUESTIONS = {
    "tasks": "SELECT task_id, state, executions FROM otel.celery_tasks_latest ORDER BY task_id",
    "runs": "SELECT count() FROM otel.celery_task_runs FINAL",
    "boots": "SELECT boot_id, worker, is_alive FROM otel.celery_worker_boots_latest",
    "trace": "SELECT SpanName FROM otel.otel_traces WHERE TraceId = 'trace1' AND Timestamp >= "
    "(SELECT min(Start) FROM otel.otel_traces_trace_id_ts WHERE TraceId = 'trace1')",
    "joined": "SELECT count() FROM otel.celery_tasks_current WHERE task_id IN "
    "(SELECT task_id FROM otel.celery_task_runs WHERE is_error)",
    "statistics": "SELECT state, sum(runs) FROM otel.celery_task_stats_1h GROUP BY state ORDER BY state",
    "engines": "SELECT name, engine FROM system.tables WHERE database = 'otel' ORDER BY name",
}


def of_one_server(sql: str) -> str:
    """Without what needs a Keeper."""
    sql = sql.replace(f" ON CLUSTER '{CLUSTER}'", "")
    sql = re.sub(r"ENGINE = Replicated(\w+)\('/[^']*', '[^']*'(?:, )?", r"ENGINE = \1(", sql)
    return sql.replace("ENGINE = Replicated", "ENGINE = ").replace(
        "replicated_deduplication_window", "non_replicated_deduplication_window"
    )


def main(folder: Path) -> None:
    (folder / "config.xml").write_text(CONFIG)
    connect: Any = chdb.connect  # it has no types
    engine = connect(f"{folder / 'data'}?config-file={folder / 'config.xml'}")
    for migration in migrations():
        for sql in migration.statements:
            for text in on_cluster(sql, CLUSTER):
                engine.query(of_one_server(text))
    for sql in (
        SPANS,
        EVENT,
        "SYSTEM REFRESH VIEW otel.celery_task_stats_1h_mv",
        "SYSTEM WAIT VIEW otel.celery_task_stats_1h_mv",
    ):
        engine.query(sql)
    answers = {
        name: json.loads(engine.query(sql, "JSONCompact").bytes())["data"] for name, sql in QUESTIONS.items()
    }
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
