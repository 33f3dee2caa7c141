"""The embedded engine in this process."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from otel_taskmon.errors import TaskmonError
from otel_taskmon.store.engine import Engine, EngineError
from otel_taskmon.store.stream_formats import _HEADS, join_blocks

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    # a name that a careless connection string would take apart
    running = Engine(tmp_path_factory.mktemp("data; more=1%20+#") / "new")
    yield running
    running.close()


def test_values_keep_their_types_both_ways(engine: Engine) -> None:
    when = dt.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=dt.UTC)
    given = {
        "a": ["it's", "tab\t\\"],
        "b": 2**63,
        "c": None,
        "d": when,
        "e": "a\tb\\n'x\0\n",
        "f": [],
        "g": True,
    }
    sql = (
        "SELECT {a:Array(String)}, {b:UInt64}, {c:Nullable(String)}, {d:DateTime64(6, 'UTC')}, {e:String}, "
        "{f:Array(String)}, {g:Bool}"
    )
    assert engine.fetch(sql, given) == [tuple(given.values())]
    assert engine.fetch("SELECT map('a', 1), toDateTime('2026-01-02 03:04:05', 'UTC') WHERE 0") == []


def test_inserts_say_how_many_rows(engine: Engine) -> None:
    engine.execute("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
    assert engine.insert("default.t (a)", "CSV", b"".join(b"%d\n" % n for n in range(200_000))) == 200_000
    with pytest.raises(EngineError) as caught:
        engine.insert("default.t (a)", "CSV", b"x\n")
    assert caught.value.code in (27, 117)  # it cannot be parsed; which one depends on how far it got
    assert engine.fetch("SELECT count() FROM t") == [(200_000,)]


def test_errors_are_typed(engine: Engine) -> None:
    for sql, code, name in (
        ("SELECT nope", 47, "UNKNOWN_IDENTIFIER"),
        ("SELECT * FROM nope", 60, "UNKNOWN_TABLE"),
        ("SELECT 1 +", 62, "SYNTAX_ERROR"),
    ):
        with pytest.raises(EngineError) as caught:
            engine.fetch(sql)
        assert (caught.value.code, caught.value.name) == (code, name)


def test_settings_hold_for_one_connection_and_unknown_ones_are_refused(engine: Engine) -> None:
    value = "a&b=c d%é"
    assert engine.fetch("SELECT getSetting('log_comment')", settings={"log_comment": value}) == [(value,)]
    assert engine.fetch("SELECT getSetting('log_comment')") == [("",)]
    for settings, code in (({"no_such": 1}, 115), ({"max_threads": "many"}, 72), ({"config-file": "x"}, 115)):
        with pytest.raises(EngineError) as caught:
            engine.fetch("SELECT 1", settings=settings)
        assert caught.value.code in (code, 27)


def test_read_only(engine: Engine) -> None:
    with (
        engine.connection({"readonly": 0}, readonly=True) as connection,
        pytest.raises(EngineError, match="READONLY"),
    ):
        connection.query("CREATE TABLE never (a Int8) ENGINE = Memory")


def test_limits_of_the_engine_are_set(engine: Engine) -> None:
    rows = engine.fetch(
        "SELECT value FROM system.merge_tree_settings WHERE name = 'min_free_disk_bytes_to_perform_insert'"
    )
    assert rows == [(str(256 << 20),)]
    rows = engine.fetch(
        "SELECT toUInt64(value) FROM system.server_settings WHERE name = 'max_server_memory_usage'"
    )
    assert 0 < rows[0][0] <= 2 << 30
    assert engine.timezone in ("UTC", "Etc/UTC")


@pytest.mark.parametrize(
    "output_format", [name for name in _HEADS if name not in ("LineAsString", "Native", "ArrowStream")]
)
def test_streamed_blocks_are_the_whole_answer(engine: Engine, output_format: str) -> None:
    sql = 'SELECT number AS "a""b\nc", toString(number) AS s FROM numbers(150000)'
    with engine.connection() as connection:
        streamed = b"".join(join_blocks(output_format, connection.stream(sql, output_format)))
        assert streamed == connection.query(sql, output_format).data


def test_the_directory_is_locked_until_closed(engine: Engine) -> None:
    code = (
        "from pathlib import Path; import sys; from otel_taskmon.store.engine import Engine, StoreInUse\n"
        "try: Engine(Path(sys.argv[1]))\n"
        "except StoreInUse as error: print(error)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(engine.directory.path)], capture_output=True, text=True, check=True
    )
    assert str(engine.directory.path) in run.stdout
    assert "another process" in run.stdout


def test_a_directory_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(TaskmonError, match="must not have"):
        Engine(tmp_path / "what?")
    with pytest.raises(TaskmonError, match="must not have"):
        Engine(tmp_path / "this & that")


def test_the_memory_bound_leaves_a_query_its_threads(engine: Engine) -> None:
    name = "max_threads_min_free_memory_per_thread"
    assert engine.fetch(f"SELECT toUInt64(getSetting('{name}'))") == [(128 * 1024 * 1024,)]
    assert engine.fetch(f"SELECT toUInt64(getSetting('{name}'))", settings={name: 5}) == [(5,)]
