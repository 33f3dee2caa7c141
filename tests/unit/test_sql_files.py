"""What every .sql file keeps to, and that no SQL stands anywhere else in the reading side."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest

from otel_taskmon import migrate, retention
from otel_taskmon.queries import purging, statements
from otel_taskmon.queries.export import CSV_COLUMNS
from otel_taskmon.queries.filters import filter_parameters, source_slots
from otel_taskmon.queries.model import LogRow, TaskFilter, TaskRow
from otel_taskmon.queries.overview import FACETS
from otel_taskmon.queries.report_model import ReportFilter, Source
from otel_taskmon.queries.report_range import ReportRange
from otel_taskmon.queries.task_rows import rest

ROOT = Path(__file__).resolve().parents[2]
SQL = sorted((ROOT / "otel_taskmon" / "sql").rglob("*.sql"))
SCHEMA = sorted((ROOT / "otel_taskmon" / "schema").glob("*.sql"))
SOURCES = [ROOT / "otel_taskmon" / "migrate.py", *sorted((ROOT / "otel_taskmon" / "queries").glob("*.py"))]
SLOT = re.compile(r"^[ \t]*--: ([a-z_]+)$", re.MULTILINE)

SORTS = ("time", "runtime", "wait", "retries")
PER = ("tasks", "executions")
SOURCED = (
    "report_windows",
    "statistics_trend",
    "overview_totals",
    "overview_names",
    "overview_queue_runs",
    "overview_worker_runs",
)
UNSOURCED = (
    *("report_oldest", "report_queue_lengths", "overview_tasks", "overview_queues", "overview_workers"),
    *(
        "queue_depth_at",
        "queue_history_depth",
        "queue_history_published",
        "queue_history_taken",
        "queue_flow",
        "queue_workers",
    ),
)
EMPTY_RANGE = ReportRange(ReportFilter(), 0, 0, "executions", (), datetime.now(UTC))


def expanded() -> dict[str, str]:
    """Every question in every form that the functions ask it in."""
    forms: dict[str, str] = {}
    few = (
        {"search": "search_tasks_few"},
        {"search": "search_tasks_found"},
        {"source": "source_tasks_stored"},
    )
    for per, search, form in (
        *itertools.product(PER, ("", "ab", "abc", "12345"), ({},)),
        *itertools.product(("tasks",), ("abc",), few),
    ):
        slots = source_slots(per, TaskFilter(search=search))  # type: ignore[arg-type]  # strings from the tuple above
        slots = {**slots, **form}
        for name in ("span_of_rows", "facets", "facets_filtered", "histogram", f"export_{per}"):
            forms[f"{name} {per} {search!r} {form}"] = statements.statement(name, **slots)
        for sort, direction in itertools.product(SORTS, ("ascending", "descending")):
            forms[f"page_keys {per} {search!r} {form} {sort} {direction}"] = statements.statement(
                "page_keys",
                sort=f"sort_{sort}",
                order=f"order_{per}_{direction}",
                after=f"after_{per}_{direction}",
                row_id=f"row_id_{per}",
                **slots,
            )
    for per, value, direction in itertools.product(PER, ("runtime", "wait"), ("ascending", "descending")):
        forms[f"page_candidates {per} {value} {direction}"] = statements.statement(
            "page_candidates",
            candidate_value=f"candidate_value_{value}",
            candidate_source=f"candidate_source_{per}",
            candidate_after=f"candidate_after_{direction}",
            candidate_order=f"candidate_order_{direction}",
            row_id=f"row_id_{per}",
        )
    for search in ("ab", "abc", "12345"):
        slots = source_slots("tasks", TaskFilter(search=search))
        for name in ("search_own_keys", "search_run_keys_few", "search_send_keys_few"):
            forms[f"{name} {search}"] = statements.statement(name, **slots)
    for kind in (LogRow, TaskRow):
        for source in ("source_tasks", "source_tasks_stored"):
            forms[f"tasks_by_key {kind} {source}"] = statements.statement(
                "tasks_by_key", source=source, row_rest=rest(kind, "tasks")
            )
        forms[f"executions_by_key {kind}"] = statements.statement(
            "executions_by_key", row_rest=rest(kind, "executions")
        )
    others = (
        "run_payloads_by_key send_payloads_by_key oldest_newest kept_hours keys_of_task "
        "executions_of_task related_by_id children_of_task count_children trace_spans "
        "migrations_table raw_columns raw_engine store_version known_clusters known_macros "
        "migration_lock_take migration_lock_renew migration_lock_holder migration_lock_drop "
        "doctor_tables doctor_oldest doctor_rights doctor_users doctor_refreshes doctor_probe "
        "applied_migrations record_migration known_queues record_audit server_time retention_current retention_keep "
        "log_sizes workers_seen retention_for_ever retention_by_part retention_by_row "
        "purge_preview purge_select_tasks purge_select_traces purge_free_space purge_forget "
        "saved_views store_view move_view "
        "stats_hours_due stats_stop_refresh stats_refresh stats_await_refresh stats_days_stop_refresh stats_whole_days"
    )
    for name in others.split():
        forms[name] = statements.statement(name)
    forms["stats_days_touched"] = statements.statement("stats_days_touched")
    for doomed in (*purging._DOOMED.values(), "purge_doomed_stats", "stats_replaced", "stats_days_doomed"):
        for name in ("purge_count", "purge_delete"):
            forms[f"{name} {doomed}"] = statements.statement(name, doomed=doomed)
    forms["stats_hours_touched"] = statements.statement("stats_hours_touched", doomed="purge_doomed_typed")
    for name in ("retention_keep_failures", "retention_keep_failures_for_ever"):
        for table in retention._TABLES.values():
            if table.no_failure:
                forms[f"{name} {table.no_failure}"] = statements.statement(name, no_failure=table.no_failure)
    return forms | report_forms()


def report_forms() -> dict[str, str]:
    """The questions behind reports, statistics and overview, from both of their sources."""
    forms: dict[str, str] = {}
    for per in PER:
        slots = source_slots(per, TaskFilter(failed=True))  # type: ignore[arg-type]  # strings from the tuple above
        forms[f"span_of_rows {per} ran"] = statements.statement("span_of_rows", **slots)
    for source, days in (*((source, None) for source in get_args(Source)), ("hourly", ())):
        asked = replace(EMPTY_RANGE, source=source, days=days).slots()
        for figures, value, by in itertools.product(
            ("report_figures", "report_figures_off"),
            ("runs", "total", "max", "avg", "slow"),
            ("state", "app", "task", "task_and_app", "exception"),
        ):
            slots = asked | {
                "report_figures": figures,
                "value": f"report_value_{value}",
                "by": f"report_by_{by}",
            }
            forms[f"report_ranking {slots}"] = statements.statement("report_ranking", **slots)
            forms[f"report_series {slots}"] = statements.statement("report_series", **slots)
        for direction in ("ascending", "descending"):
            forms[f"statistics_rows {source} {days} {direction}"] = statements.statement(
                "statistics_rows", **asked, order=f"order_statistics_{direction}"
            )
        for name in SOURCED:
            forms[f"{name} {source} {days}"] = statements.statement(name, **asked)
    for name in UNSOURCED:
        forms[name] = statements.statement(name)
    return forms


def test_every_slot_is_filled_and_comments_stay_at_home() -> None:
    for name, text in expanded().items():
        assert "--" not in text, name
        assert text.strip(), name


def test_every_file_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    read: set[str] = set()
    original = statements._file.__wrapped__

    def recording(name: str) -> str:
        read.add(name)
        text: str = original(name)
        return text

    statements._statement.cache_clear()
    monkeypatch.setattr(statements, "_file", recording)
    expanded()
    assert {path.stem for path in SQL} - read == set()


def test_a_name_stands_for_one_file() -> None:
    names = [path.stem for path in SQL]
    assert sorted(set(names)) == sorted(names)
    with pytest.raises(LookupError, match=r"'\.\./schema/0004_task_runs' is no name of a question"):
        statements.statement("../schema/0004_task_runs")


@pytest.mark.parametrize("path", SQL, ids=lambda path: path.stem)
def test_questions_say_what_they_answer_and_bind_typed_parameters(path: Path) -> None:
    text = path.read_text()
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
    braces = re.findall(r"\{[^}]*\}", code)
    assert all(re.fullmatch(r"\{[a-z_]+:[A-Za-z0-9()]+\}", brace) for brace in braces), braces
    assert "%s" not in code
    if re.search(r"^(SELECT|WITH)\b", code, re.MULTILINE):
        assert text.startswith("-- "), "a question begins with a sentence that says what it answers"


def test_the_filter_binds_what_the_questions_name() -> None:
    others = (
        "recent_us days failed_only ran_only left_out lines window_us split_us sort offset oldest_us execution_ids "
        "queues moments_us queue "
        "limit bucket_us null_value from_start cursor_value cursor_us cursor_task_id cursor_execution_id "
        "names apps older_us before_s before_us workers_before_us complete_since_s "
        "purge chunk chunks everything hours since_us "
        "tables column failure_hours actor role action target affected detail "
        "key_times_us key_task_ids found_times_us found_task_ids key_execution_ids table task_id task_ids trace_id "
        "value_length version name checksum program holder most owner query deleted old_name old_owner"
    )
    given = set(filter_parameters(TaskFilter())) | set(others.split())
    for form, text in expanded().items():
        named = set(re.findall(r"\{([a-z_]+):", text))
        assert named <= given, form


@pytest.mark.parametrize("path", SCHEMA, ids=lambda path: path.stem)
def test_migrations_can_run_again(path: Path) -> None:
    for text in migrate.split_statements(path.read_text()):
        assert re.match(
            r"CREATE (DATABASE|TABLE|VIEW|MATERIALIZED VIEW) IF NOT EXISTS |ALTER TABLE .* IF (NOT )?EXISTS "
            r"|ALTER TABLE otel\.\w+_mv MODIFY QUERY\n",
            text,
        ), text[:80]
        assert ";" not in text


def test_migrations_are_numbered_without_gaps() -> None:
    versions = [m.version for m in migrate.migrations()]
    assert versions == list(range(len(versions)))
    assert len({m.name for m in migrate.migrations()}) == len(versions)


def test_comments_and_blank_space_do_not_change_a_checksum() -> None:
    one = migrate.Migration(1, "x", migrate.split_statements("-- a\nCREATE TABLE x\n(\n  a Int8\n);\n"))
    other = migrate.Migration(1, "x", migrate.split_statements("CREATE TABLE x ( a Int8 )\n ;"))
    changed = migrate.Migration(1, "x", migrate.split_statements("CREATE TABLE x ( a Int16 );"))
    assert one.checksum == other.checksum != changed.checksum


def test_every_table_with_rows_of_tasks_has_a_ttl() -> None:
    tables = {
        match[1]: match[0]
        for path in SCHEMA
        for statement in migrate.split_statements(path.read_text())
        if (match := re.match(r"CREATE TABLE IF NOT EXISTS otel\.(\w+).*", statement, re.DOTALL))
    }
    without = {name for name, ddl in tables.items() if "\nTTL " not in ddl}
    assert without == {"schema_migrations", "audit", "saved_views"}


def test_no_sql_outside_the_files() -> None:
    for path in SOURCES:
        assert not re.search(r"\b(SELECT|INSERT INTO|CREATE TABLE|ALTER TABLE)\b", path.read_text()), (
            path.name
        )


def test_materialized_views_of_raw_rows_read_nothing_else() -> None:
    """They are derived again after a kill by running their SELECT over some of the raw rows."""
    for path in SCHEMA:
        for statement in migrate.split_statements(path.read_text()):
            if statement.startswith("CREATE MATERIALIZED VIEW") and "FROM otel.otel_" in statement:
                assert len(re.findall(r"\bFROM\b", statement)) == 1, statement[:80]
                assert not re.search(r"\b(JOIN|UNION)\b", statement)


def test_facets_are_numbered_alike_everywhere() -> None:
    columns = ["state", "app", "task_name", "exc_type", "queue", "worker", "priority"]
    for question in ("facets", "facets_filtered"):
        grouped = re.search(r"GROUPING SETS \((.*)\)\n", statements._file(question))
        assert grouped
        assert re.findall(r"\((\w+)\)", grouped[1]) == columns
    assert (
        re.findall(r"facet = \d, toNullable\(toString\((\w+)\)", statements._file("facet_columns"))
        == columns[:-1]
    )
    bits = re.findall(r"(\d+) \* \(NOT empty\(\{(\w+):", statements._file("failing_fields"))
    assert bits == [(str(1 << number), name) for number, name in enumerate(FACETS)]


def test_csv_columns_are_distinct() -> None:
    for columns in CSV_COLUMNS.values():
        assert len(set(columns)) == len(columns)
