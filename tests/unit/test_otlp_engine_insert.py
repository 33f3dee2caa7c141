from __future__ import annotations

from pathlib import Path

import pytest

from otel_taskmon.store.engine_errors import EngineError
from otel_taskmon.store.engine_insert import from_file, rows_file


@pytest.mark.parametrize(
    ("insert", "before", "after"),
    [
        ("INSERT INTO t (a, b)", "INSERT INTO t (a, b)", ""),
        ("INSERT INTO t SETTINGS a = 1", "INSERT INTO t ", "SETTINGS a = 1"),
        ("INSERT INTO t (settings, `SETTINGS`)", "INSERT INTO t (settings, `SETTINGS`)", ""),
        ("INSERT INTO t -- SETTINGS", "INSERT INTO t -- SETTINGS", ""),
        ("INSERT INTO t /* ü */ SETTINGS a='é'", "INSERT INTO t /* ü */ ", "SETTINGS a='é'"),
    ],
)
def test_the_file_stands_where_the_grammar_wants_it(insert: str, before: str, after: str) -> None:
    found = from_file(insert, "/dev/fd/3", "CSV")
    assert found == f"{before}\nFROM INFILE '/dev/fd/3' COMPRESSION 'none'\n{after}\nFORMAT CSV"


def test_the_rows_can_be_read_while_the_file_is_open_and_leave_nothing(tmp_path: Path) -> None:
    with rows_file(iter([b"a", b"", b"b" * 100_000]), tmp_path) as path:
        assert Path(path).read_bytes() == b"a" + b"b" * 100_000
        assert list(tmp_path.iterdir()) == []
    assert list(tmp_path.iterdir()) == []


def test_no_place_for_the_file_is_an_error_of_the_engines_kind(tmp_path: Path) -> None:
    with pytest.raises(EngineError) as full, rows_file([b"a"], tmp_path / "missing"):
        pass
    assert full.value.code == 243
