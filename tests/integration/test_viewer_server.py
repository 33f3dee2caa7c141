"""The viewer's real server: who is let in, what every answer carries, and the CSV against the tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
import urllib3
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from otel_taskmon.queries.export import CSV_COLUMNS
from tests.support.processes import Child, free_port, port_open
from tests.support.store import Store, running_store
from tests.support.stored_tasks import insert, run
from tests.support.viewer import running_viewer
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

POOL = urllib3.PoolManager(retries=False, timeout=30)
HOSTILE = '=cmd()|"; \n\r@x'
MANY = 100_000


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("store")) as running:
        records = [
            run(
                f"task-{n:03d}", "FAILURE" if n % 3 == 0 else "SUCCESS", first=n, published=n, received=n + 1,
                started=n + 1, ended=n + 2, name=HOSTILE if n == 7 else "shop.pay", app="" if n % 2 else "shop",
                retries=n % 2,
            )
            for n in range(60)
        ]  # fmt: skip
        with running.client("admin") as client:
            insert(client, records)
        yield running


@pytest.fixture(scope="module")
def viewer(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Child]]:
    with running_viewer(store.url, tmp_path_factory.mktemp("viewer")) as running:
        yield running


def get(address: str, path: str, **headers: str) -> urllib3.BaseHTTPResponse:
    return POOL.request(
        "GET", address + path, headers={name.replace("_", "-"): v for name, v in headers.items()}
    )


@pytest.mark.parametrize(
    "path", ["/", "/task?id=x", "/_stcore/health", "/_stcore/host-config", "/api/export.csv", "/healthz"]
)
def test_every_path_is_for_this_machine_and_carries_the_headers(viewer: tuple[str, Child], path: str) -> None:
    address, _ = viewer
    ours = get(address, path)
    assert ours.status == 200
    foreign = [get(address, path, Host="evil.example"), get(address, path, Origin="http://evil.example")]
    assert [answer.status for answer in foreign] == [403, 403]
    for answer in (ours, *foreign):
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_websocket_is_for_our_own_pages_only(viewer: tuple[str, Child]) -> None:
    address, _ = viewer
    stream = address.replace("http", "ws") + "/_stcore/stream"
    with connect(stream, origin=Origin(address)):
        pass
    for origin in ("http://evil.example", "http://127.0.0.1:1", "null"):
        with pytest.raises(InvalidStatus) as refused, connect(stream, origin=Origin(origin)):
            pass
        assert refused.value.response.status_code == 403


def rows_of(answer: urllib3.BaseHTTPResponse, delimiter: str = ",") -> list[dict[str, str]]:
    assert answer.status == 200, answer.data
    return list(csv.DictReader(io.StringIO(answer.data.decode(), newline=""), delimiter=delimiter))


def asked(store: Store, sql: str) -> list[Any]:
    with store.client() as client:
        return [row[0] for row in client.query(sql).result_rows]


@pytest.mark.parametrize(
    ("query", "condition"),
    [
        ("range=all", "1"),
        ("range=all&state=FAILURE", "state = 'FAILURE'"),
        ("range=all&app=", "app = ''"),
        ("range=all&state=SUCCESS&app=shop&sort=runtime&order=asc", "state = 'SUCCESS' AND app = 'shop'"),
        ("range=all&q=task-01", "task_id LIKE 'task-01%'"),
    ],
)
def test_the_csv_holds_the_rows_of_the_filter(
    viewer: tuple[str, Child], store: Store, query: str, condition: str
) -> None:
    expected = asked(
        store,
        f"SELECT task_id FROM otel.celery_tasks_latest WHERE {condition} ORDER BY first_published_at DESC",
    )
    rows = rows_of(get(viewer[0], f"/api/export.csv?{query}"))
    assert [row["task_id"] for row in rows] == expected != []


def test_executions_have_their_own_columns_and_the_delimiter_is_a_choice(viewer: tuple[str, Child]) -> None:
    answer = get(viewer[0], "/api/export.csv?range=all&per=executions&delimiter=%3B")
    rows = rows_of(answer, ";")
    assert tuple(rows[0]) == CSV_COLUMNS["executions"]
    assert len(rows) == 60
    assert tuple(rows_of(get(viewer[0], "/api/export.csv?range=all"))[0]) == CSV_COLUMNS["tasks"]


def test_cells_are_safe_and_times_are_utc(viewer: tuple[str, Child]) -> None:
    answer = get(viewer[0], "/api/export.csv?range=all&q=task-007")
    (row,) = rows_of(answer)
    assert row["task_name"] == "'" + HOSTILE
    assert row["first_published_at"].endswith("Z")
    assert row["priority"] == ""
    assert row["duration_ns"] == "1000000000"
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith('attachment; filename="tasks-20')


def test_wrong_parameters_are_refused_with_a_reason(viewer: tuple[str, Child]) -> None:
    answer = get(viewer[0], "/api/export.csv?state=BOGUS&colour=red")
    assert answer.status == 400
    assert b"state=BOGUS: allowed is one of" in answer.data
    assert b"colour=red: there is no such parameter" in answer.data


def test_a_large_export_is_never_held_as_a_whole(viewer: tuple[str, Child], store: Store) -> None:
    address, child = viewer
    with store.client("admin") as client:
        client.command(
            "INSERT INTO otel.celery_task_runs"
            " (first_published_at, started_at, ended_at, task_id, execution_id, task_name, args)"
            " SELECT now() - INTERVAL 20 HOUR + INTERVAL number * 600 MILLISECOND AS t, t, t,"
            " toString(number) AS id, id, 'shop.many', repeat('x', 1000) FROM numbers({many:UInt32})",
            parameters={"many": MANY},
        )
    _download(address, "name=nobody")
    process = psutil.Process(child.pid)
    before = process.memory_info().rss
    size, peak = _download(address, "name=shop.many", process)
    assert size > MANY * 1000
    assert peak - before < size / 2, (size, before, peak)


def _download(address: str, query: str, process: psutil.Process | None = None) -> tuple[int, int]:
    """Size of the file, and the most memory the process took meanwhile, in bytes."""
    answer = POOL.request("GET", f"{address}/api/export.csv?per=executions&{query}", preload_content=False)
    assert answer.status == 200
    assert answer.headers["transfer-encoding"] == "chunked"
    size = peak = 0
    for piece in answer.stream(1 << 20):
        size += len(piece)
        peak = max(peak, process.memory_info().rss if process else 0)
    answer.release_conn()
    return size, peak


def test_a_store_that_goes_away_and_comes_back(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("away")
    port = free_port()
    with running_viewer(f"http://127.0.0.1:{port}", folder) as (address, _):
        answer = get(address, "/api/export.csv")
        assert (answer.status, answer.headers["retry-after"]) == (503, "5")
        assert b"does not answer" in answer.data
        assert get(address, "/").status == 200


def test_everything_stands_under_a_base_path(store: Store, tmp_path: Any) -> None:
    with running_viewer(store.url, tmp_path, base_path="/tools/viewer") as (
        address,
        _,
    ):
        assert get(address, "/tools/viewer/healthz").json() == {"status": "ok"}
        assert len(rows_of(get(address, "/tools/viewer/api/export.csv?range=all&q=task-0"))) == 60
        assert get(address, "/tools/viewer/").status == 200


def test_sigterm_ends_the_server(store: Store, tmp_path: Any) -> None:
    with running_viewer(store.url, tmp_path) as (address, child):
        port = int(address.rsplit(":", 1)[1])
        assert child.stop(timeout=10) == 0, child.output()
        wait_until(lambda: not port_open(port), "the port to be free")
        assert "Traceback" not in child.output()


def test_a_taken_port_is_one_clear_line(viewer: tuple[str, Child], store: Store, tmp_path: Any) -> None:
    port = viewer[0].rsplit(":", 1)[1]
    second = Child([*viewer[1].args[:-1], port], tmp_path / "second.log")
    assert second.process.wait(30) == 1
    assert f"port {port} on 127.0.0.1 is taken" in second.output()
    assert "Traceback" not in second.output()
