"""The tables: as documented, as the exporter needs them, and total over whatever comes in."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client as Driver

from otel_taskmon.queries import task_detail
from otel_taskmon.queries.connection import Client
from tests.support.store import Store, running_store
from tests.support.stored_tasks import EPOCH, Event, Span, at, event, insert, ns, run, send

pytestmark = pytest.mark.integration

TABLES_PAGE = Path(__file__).resolve().parents[2] / "docs" / "tables.md"

EXPORTER_COLUMNS = {
    "otel_traces": "Timestamp TraceId SpanId ParentSpanId TraceState SpanName SpanKind ServiceName ResourceAttributes "
    "ScopeName ScopeVersion SpanAttributes Duration StatusCode StatusMessage Events.Timestamp Events.Name "
    "Events.Attributes Links.TraceId Links.SpanId Links.TraceState Links.Attributes",
    "otel_logs": "Timestamp TraceId SpanId TraceFlags SeverityText SeverityNumber ServiceName Body ResourceSchemaUrl "
    "ResourceAttributes ScopeSchemaUrl ScopeName ScopeVersion ScopeAttributes LogAttributes EventName",
    **{
        f"otel_metrics_{kind}": "ResourceAttributes ResourceSchemaUrl ScopeName ScopeVersion ScopeAttributes "
        "ScopeDroppedAttrCount ScopeSchemaUrl ServiceName MetricName MetricDescription MetricUnit Attributes "
        "StartTimeUnix TimeUnix " + rest
        for kind, rest in {
            "gauge": "Value Flags Exemplars.FilteredAttributes Exemplars.TimeUnix Exemplars.Value Exemplars.SpanId "
            "Exemplars.TraceId",
            "sum": "Value Flags Exemplars.FilteredAttributes Exemplars.TimeUnix Exemplars.Value Exemplars.SpanId "
            "Exemplars.TraceId AggregationTemporality IsMonotonic",
            "histogram": "Count Sum BucketCounts ExplicitBounds Exemplars.FilteredAttributes Exemplars.TimeUnix "
            "Exemplars.Value Exemplars.SpanId Exemplars.TraceId Flags Min Max AggregationTemporality",
            "exponential_histogram": "Count Sum Scale ZeroCount PositiveOffset PositiveBucketCounts NegativeOffset "
            "NegativeBucketCounts Exemplars.FilteredAttributes Exemplars.TimeUnix Exemplars.Value Exemplars.SpanId "
            "Exemplars.TraceId Flags Min Max AggregationTemporality",
            "summary": "Count Sum ValueAtQuantiles.Quantile ValueAtQuantiles.Value Flags",
        }.items()
    },
}
"""The columns that the Collector's clickhouseexporter names in its inserts."""

ODD = [
    *("-1", "0", "1", "abc", "", " ", "1e9", "nan", "9223372036854775807", "-9223372036854775808"),
    *("99999999999999999999", "253402300800000000000", "4294967296", "256", "\x00", "ünï", "[1]", "true"),
]
"""What a broken or hostile publisher may put where a number is expected."""


@pytest.fixture(scope="module")
def writer(store: Store) -> Driver:
    return store.client("admin", autogenerate_session_id=False)


def documented() -> dict[str, dict[str, str]]:
    """Table -> column -> type, as ``docs/tables.md`` has them."""
    tables: dict[str, dict[str, str]] = {}
    for section in TABLES_PAGE.read_text().split("\n## ")[1:]:
        name = section.split("\n", 1)[0].strip()
        rows = dict(re.findall(r"^\| `([a-z0-9_]+)` \| `([^`]+)` \|", section, re.MULTILINE))
        if rows:
            tables[name] = rows
    return tables


INTERNAL = {"celery_tasks_current", "celery_task_stats_due", "purge_selection"}
"""Nobody but the program reads these."""


def test_the_page_describes_every_column_of_every_public_table(reader: Client) -> None:
    answer = reader.ask(
        "SELECT table, name, type FROM system.columns WHERE database = 'otel' ORDER BY table, position"
    )
    real: dict[str, dict[str, str]] = {}
    for table, name, kind in answer.rows:
        real.setdefault(table, {})[name] = kind
    public = {
        table
        for table in real
        if not table.startswith("otel_") and not table.endswith("_mv") and table not in INTERNAL
    }
    page = documented()
    assert set(page) == public
    for table in public:
        assert page[table] == real[table], table


def test_every_public_column_of_the_design_is_there(reader: Client) -> None:
    wanted = {
        "celery_task_runs": "started_at ended_at duration_ns first_published_at published_at received_at eta expires "
        "queue_wait_ns queue_wait_raw_ns prefetch_wait_ns task_name app task_id execution_id root_id parent_id "
        "group_id group_index chord_id retries state reason queue routing_key priority redelivered worker boot_id pid "
        "host service environment release args kwargs result payload_notes exc_type exc_message exc_stacktrace "
        "exc_fingerprint is_error is_eager trace_id span_id parent_span_id ingested_at",
        "celery_task_sends": "sent_at publish_ns first_published_at task_name app task_id root_id parent_id group_id "
        "group_index chord_id retries queue routing_key priority eta expires args kwargs is_error exc_type "
        "exc_message service environment release host trace_id span_id parent_span_id",
        "celery_task_events": "ts event task_id execution_id task_name retries worker boot_id queue trace_id attrs",
        "celery_tasks_latest": "task_id task_name app state reason executions retries first_published_at published_at "
        "received_at eta expires started_at ended_at duration_ns queue_wait_ns queue routing_key priority redelivered "
        "worker service environment release host root_id parent_id group_id chord_id is_error exc_type exc_message "
        "exc_fingerprint payload_notes trace_id",
        "celery_queue_depth": "ts broker queue depth unacked consumers oldest_at",
    }
    for table, names in wanted.items():
        reader.ask(
            f"SELECT {', '.join(names.split())} FROM otel.{table} LIMIT 1"
        )  # raises when one is missing
    times = reader.ask(
        "SELECT DISTINCT type FROM system.columns WHERE database = 'otel' AND table IN {tables:Array(String)} "
        "AND (endsWith(name, '_at') OR name IN ('ts', 'eta', 'expires'))",
        {"tables": list(wanted)},
    )
    assert {row[0] for row in times.rows} <= {
        "DateTime64(6, 'UTC')",
        "Nullable(DateTime64(6, 'UTC'))",
        "SimpleAggregateFunction(max, Nullable(DateTime64(6, 'UTC')))",
    }


@pytest.mark.parametrize("table", EXPORTER_COLUMNS)
def test_raw_tables_have_the_exporters_columns_and_defaults_for_ours(reader: Client, table: str) -> None:
    answer = reader.ask(
        "SELECT name, default_expression FROM system.columns WHERE database = 'otel' AND table = {table:String}",
        {"table": table},
    )
    columns = {row[0]: row[1] for row in answer.rows}
    assert set(EXPORTER_COLUMNS[table].split()) | {"RequestId", "IngestedAt"} == set(columns)
    assert columns["RequestId"] == "''"
    assert columns["IngestedAt"] == "now()"


def test_odd_values_never_fail_an_insert_and_keep_the_row(writer: Driver, reader: Client) -> None:
    times = ("first_published_at", "published_at", "received_at", "started_at", "eta", "expires")
    numbers = ("retries", "priority", "group_index", "pid", "redelivered", "is_eager")
    records: list[Span | Event] = []
    for number, odd in enumerate(ODD):
        extra = {f"taskmon.{key}": odd for key in times + numbers} | {
            "celery.eta": odd,
            "celery.expires": odd,
        }
        task_id = f"odd-{number}"
        for span in (run(task_id, "FAILURE", started=1, ended=2), send(task_id)):
            records.append(replace(span, attributes={**span.attributes, **extra}))
        for what in ("received", "started"):
            one = event(what, task_id, at=1, received=1)
            records.append(replace(one, attributes={**one.attributes, **extra}))
    insert(writer, records)
    for table in ("celery_task_runs", "celery_task_sends"):
        count = reader.ask(
            f"SELECT uniqExact(task_id) FROM otel.{table} WHERE startsWith(task_id, 'odd-')"
        ).only()
        assert tuple(count) == (len(ODD),), table
    days = reader.ask(
        "SELECT uniqExact(toDate(first_published_at)), min(first_published_at) FROM otel.celery_tasks "
        "WHERE startsWith(task_id, 'odd-')"
    ).only()
    assert days[0] <= 2, "an absurd time opens no partition"
    assert days[1] >= EPOCH
    states = reader.ask(
        "SELECT DISTINCT state FROM otel.celery_task_runs WHERE startsWith(task_id, 'odd-')"
    ).rows
    assert [row[0] for row in states] == ["FAILURE"]


def test_waits_and_times(writer: Driver, reader: Client) -> None:
    insert(
        writer,
        [
            run("w-plain", "SUCCESS", published=1, received=2, started=5, ended=6.5),
            run("w-eta", "SUCCESS", published=1, received=2, eta=ns(4), started=5, ended=6),
            run("w-skew", "SUCCESS", published=9, received=2, started=5, ended=6),
            run("w-again", "SUCCESS", published=1, received=2, started=5, ended=6, redelivered="true"),
            run("w-none", "SUCCESS", published=None, started=5, ended=6),
            run("w-not", "EXPIRED", published=1, received=2, started=None, ended=6, main=True),
        ],
    )
    found = {task_id: task_detail.executions(reader, task_id)[0] for task_id in (
        "w-plain", "w-eta", "w-skew", "w-again", "w-none", "w-not")}  # fmt: skip
    second = 10**9
    waits = {k: (e.queue_wait_ns, e.queue_wait_raw_ns, e.prefetch_wait_ns) for k, e in found.items()}
    assert waits == {
        "w-plain": (4 * second, 4 * second, 3 * second),
        "w-eta": (second, second, second),
        "w-skew": (0, -4 * second, 3 * second),
        "w-again": (None, 4 * second, 3 * second),
        "w-none": (None, None, None),
        "w-not": (None, None, None),
    }
    plain, none = found["w-plain"], found["w-not"]
    assert (plain.started_at, plain.ended_at, plain.duration_ns) == (at(5), at(6.5), 1_500_000_000)
    assert (plain.first_published_at, plain.published_at, plain.received_at) == (at(0), at(1), at(2))
    assert (none.started_at, none.ended_at, none.duration_ns) == (at(6), at(6), None)
    task = task_detail.find_task(reader, "w-not")
    assert task is not None
    assert (task.started_at, task.ended_at) == (None, at(6))


def test_spans_of_the_stock_instrumentation_make_rows(writer: Driver, reader: Client) -> None:
    attributes = {
        "celery.action": "run",
        "celery.task_name": "stock.add",
        "celery.hostname": "gen1@publisher",
        "celery.retries": "2",
        "celery.delivery_info": "{'exchange': '', 'routing_key': 'q', 'priority': 7, 'redelivered': True}",
        "celery.eta": "2026-11-22T10:00:00+00:00",
        "messaging.message.id": "stock",
        "messaging.destination": "q",
    }
    failed = Span(
        start=3, end=4, kind="Consumer", status="Error", attributes=attributes, resource={"host.name": "h"},
        exception={"exception.type": "ValueError", "exception.message": "no"},
    )  # fmt: skip
    hard_limit = Span(
        start=3, end=4, kind="Consumer", attributes=attributes | {"messaging.message.id": "stock-cut"}
    )
    published = send("stock-sent", stamped=False)
    insert(writer, [failed, hard_limit, published])
    row = task_detail.executions(reader, "stock")[0]
    assert (row.state, row.retries, row.queue, row.priority, row.redelivered) == ("FAILURE", 2, "q", 7, True)
    assert (row.worker, row.host, row.exc_type, row.is_error) == ("", "h", "ValueError", True)
    assert (row.first_published_at, row.started_at, row.duration_ns) == (at(3), at(3), 10**9)
    assert row.execution_id == failed.span_id
    assert task_detail.executions(reader, "stock-cut")[0].state == "LOST"
    assert task_detail.find_task(reader, "stock-sent") is None, "nothing could ever end it"
    sends = reader.ask("SELECT count() FROM otel.celery_task_sends WHERE task_id = 'stock-sent'").only()
    assert tuple(sends) == (1,)


def test_torn_and_foreign_spans_make_no_rows(writer: Driver, reader: Client) -> None:
    torn = run("torn", "", started=1, ended=2, torn="true")
    foreign = Span(start=1, end=2, kind="Consumer", attributes={"messaging.message.id": "foreign"})
    insert(writer, [torn, foreign])
    raw = reader.ask(
        "SELECT count() FROM otel.otel_traces WHERE SpanAttributes['messaging.message.id'] IN ('torn', 'foreign')"
    ).only()
    assert tuple(raw) == (2,)
    assert task_detail.executions(reader, "torn") == task_detail.executions(reader, "foreign") == []


def test_an_exception_that_the_task_handled_is_not_its_outcome(writer: Driver, reader: Client) -> None:
    handled = {"exception.type": "KeyError", "exception.message": "handled"}
    insert(writer, [run("handled", "SUCCESS", started=1, ended=2, exception=handled)])
    row = task_detail.executions(reader, "handled")[0]
    assert (row.exc_type, row.exc_message, row.is_error) == ("", "", False)


def test_expected_failures_are_no_errors(writer: Driver, reader: Client) -> None:
    expected = {"exception.type": "shop.Expected", "exception.message": "as declared"}
    insert(writer, [run("expected", "FAILURE", started=1, ended=2, error=False, exception=expected)])
    row = task_detail.executions(reader, "expected")[0]
    assert (row.state, row.is_error, row.exc_type) == ("FAILURE", False, "shop.Expected")


def test_queue_depth_meets_in_one_row(writer: Driver, reader: Client) -> None:
    def gauge(metric: str, value: float) -> None:
        writer.insert(
            "otel_metrics_gauge",
            [[metric, ns(7), value, {"messaging.system": "redis", "messaging.destination.name": "q"}]],
            column_names=["MetricName", "TimeUnix", "Value", "Attributes"],
            database="otel",
        )

    for metric, value in (("depth", 12), ("unacked", 3), ("consumers", float("nan")), ("oldest_at", ns(2))):
        gauge(f"taskmon.queue.{metric}", value)
        gauge(f"taskmon.queue.{metric}", value)
    gauge("taskmon.queue.depth", -5)
    rows = reader.ask("SELECT * FROM otel.celery_queue_depth FINAL WHERE queue = 'q'").rows
    ts, broker, queue, depth, unacked, consumers, oldest = rows[0]
    assert len(rows) == 1
    assert (ts, broker, queue, depth, unacked, consumers) == (at(7), "redis", "q", 12, 3, None)
    assert abs(oldest - at(2)) < timedelta(microseconds=2)


def test_hourly_statistics_are_computed_again_and_never_added_up(writer: Driver, reader: Client) -> None:
    def refreshed() -> list[tuple[object, ...]]:
        writer.command("SYSTEM REFRESH VIEW otel.celery_task_stats_1h_mv")
        writer.command("SYSTEM WAIT VIEW otel.celery_task_stats_1h_mv")
        answer = reader.ask(
            "SELECT hour, state, runs, errors, duration_sum_ns, duration_max_ns "
            "FROM otel.celery_task_stats_1h FINAL WHERE task_name = 'stats.do' AND runs > 0 ORDER BY state"
        )
        return [tuple(row) for row in answer.rows]

    ok = [run(f"stats-{i}", "SUCCESS", name="stats.do", started=1, ended=1 + i) for i in range(4)]
    bad = run("stats-bad", "FAILURE", name="stats.do", started=1, ended=2, execution="bad")
    insert(writer, [*ok, bad])
    second = 10**9
    expected = [(EPOCH, "FAILURE", 1, 1, second, second), (EPOCH, "SUCCESS", 4, 0, 6 * second, 3 * second)]
    assert refreshed() == expected
    insert(writer, [*ok, bad])
    assert refreshed() == expected
    lost = run("stats-bad", "LOST", name="stats.do", started=1, ended=3, execution="bad", main=True)
    insert(writer, [lost])
    assert refreshed() == [(EPOCH, "LOST", 1, 1, 2 * second, 2 * second), expected[1]]


def test_a_derived_row_can_be_derived_again_from_the_raw_one(writer: Driver, reader: Client) -> None:
    """What the store does at start after a kill: run each view's own SELECT again."""
    insert(writer, [run("derive", "SUCCESS", started=1, ended=2), send("derive")])
    views = reader.ask(
        "SELECT name, as_select FROM system.tables WHERE database = 'otel' AND engine = 'MaterializedView' "
        "AND position(as_select, 'FROM otel.otel_traces') > 0"
    ).rows
    assert {row[0] for row in views} == {
        "celery_task_runs_mv", "celery_task_sends_mv", "otel_traces_trace_id_ts_mv",
    }  # fmt: skip
    before = task_detail.find_task(reader, "derive"), task_detail.executions(reader, "derive")
    for name, select in views:
        columns = reader.ask(f"SELECT * FROM ({select}) LIMIT 0").columns
        writer.command(f"INSERT INTO otel.{name.removesuffix('_mv')} ({', '.join(columns)}) {select}")
    assert (task_detail.find_task(reader, "derive"), task_detail.executions(reader, "derive")) == before


@pytest.mark.slow
def test_a_bulk_load_is_summed_up_a_million_rows_at_a_time(tmp_path: Path) -> None:
    """All hours of it at once would take the store's memory; each computation goes on where the last one ended."""
    with running_store(tmp_path) as store:
        admin = store.client("admin", autogenerate_session_id=False)
        # its own five minutes may end while the rows are inserted
        admin.command("ALTER TABLE otel.celery_task_stats_1h_mv MODIFY REFRESH EVERY 1 YEAR APPEND")
        admin.command(
            """INSERT INTO otel.celery_task_runs
                   (first_published_at, task_id, execution_id, started_at, ended_at, state)
               SELECT now64(6) - toIntervalHour(number % 5) AS at, toString(number), toString(number), at, at, 'SUCCESS'
               FROM numbers(2000000)"""
        )
        summed = "SELECT uniqExact(hour), sum(runs) FROM otel.celery_task_stats_1h FINAL WHERE runs > 0"
        seen: list[tuple[int, ...]] = []
        while len(seen) < 5 and (not seen or seen[-1] != (5, 2_000_000)):
            admin.command("SYSTEM REFRESH VIEW otel.celery_task_stats_1h_mv")
            admin.command("SYSTEM WAIT VIEW otel.celery_task_stats_1h_mv")
            seen.append(tuple(admin.query(summed).result_rows[0]))
        assert seen == [(3, 1_200_000), (5, 2_000_000)]
