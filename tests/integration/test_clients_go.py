"""The unmodified clickhouse-go against the store: over HTTP, with each of its compressions."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.go_programs import BUILD_TIMEOUT, clickhouse_client_program
from tests.support.made_tasks import MADE, RECORDS
from tests.support.store import running_store
from tests.support.stored_tasks import insert

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(BUILD_TIMEOUT + 180)]

UNKNOWN_TABLE, READONLY, AUTHENTICATION_FAILED = 60, 164, 516


def test_clickhouse_go_reads_writes_and_sees_errors(tmp_path: Path) -> None:
    program = clickhouse_client_program()
    with running_store(tmp_path) as store:
        insert(store.client("admin"), RECORDS)
        command = [str(program), f"127.0.0.1:{store.http_port}", str(store.data_dir / "admin.password")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=150)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert set(found) == {"none", "lz4", "zstd", "gzip"}
    for name, seen in found.items():
        assert seen.pop("version"), name
        assert seen == {
            "tasks": len(MADE),
            "parameter": "it's 5% of 'täsk'",
            "inserted": 5000,
            "read_back": 4000,
            "streamed": 300_000,
            "unknown_table": UNKNOWN_TABLE,
            "reader_writes": READONLY,
            "error_in_the_middle": True,
            "wrong_password": AUTHENTICATION_FAILED,
        }, name
