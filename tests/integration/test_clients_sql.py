"""``taskmon sql`` in every output format that the engine has, piped."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from tests.support.store import running_store

pytestmark = [pytest.mark.integration, pytest.mark.slow]

NEED_A_SCHEMA = {"AvroConfluent", "CapnProto", "Protobuf", "ProtobufList", "ProtobufSingle", "Template"}
NO_TEXT_OF_OURS = {"MySQLWire", "PostgreSQLWire", "Null", "Avro"}
"""Two wire protocols, a format that writes nothing, and one that draws a marker at random each time."""


def test_every_output_format_comes_through_the_pipe(tmp_path: Path) -> None:
    question = "SELECT number AS n FROM numbers(3) FORMAT {}"
    with running_store(tmp_path) as store, store.client() as client:
        asked = client.query("SELECT name FROM system.formats WHERE is_output ORDER BY name")
        formats = [row[0] for row in asked.result_rows if row[0] not in NEED_A_SCHEMA | NO_TEXT_OF_OURS]
        assert {"TSV", "CSVWithNames", "JSON", "JSONEachRow", "Parquet", "Arrow", "Native", "Pretty"} <= set(
            formats
        )
        alone = {}
        for name in formats:
            with contextlib.suppress(
                DatabaseError
            ):  # it wants columns of its own kind, such as shapes on a map
                alone[name] = client.raw_query(question.format(name))
        assert len(alone) > 0.9 * len(formats)
        done = subprocess.run(
            [sys.executable, "-m", "otel_taskmon", "sql"],
            input=";\n".join(question.format(name) for name in alone).encode(),
            env={**os.environ, "TASKMON_CLICKHOUSE_URL": store.url},
            capture_output=True,
            timeout=120,
        )
    assert (done.returncode, done.stderr) == (0, b"")
    assert all(alone.values()), "a format that said nothing"
    # JSON says how long it took, and Pretty how far it is: the rest must be the same, byte for byte and in order.
    missing = [name for name, text in alone.items() if _steady(text) not in done.stdout]
    assert missing == []


def _steady(text: bytes) -> bytes:
    """The answer up to what depends on the moment (``"elapsed": …``)."""
    return text.split(b"elapsed")[0].split(b"<elapsed>")[0]
