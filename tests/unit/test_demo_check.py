"""How ``taskmon demo --once`` compares, waits and explains."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable
from itertools import chain, repeat

import pytest

from otel_taskmon.demo import check
from otel_taskmon.demo.counters import Cell, Counts
from otel_taskmon.demo.found import counts_of_rows
from otel_taskmon.demo.load import scenes_per_second
from otel_taskmon.demo.ports import choose_port
from otel_taskmon.demo.services import environment
from otel_taskmon.errors import TaskmonError
from otel_taskmon.settings import StoreSettings

NOTHING = counts_of_rows([])


def counts(*, publishes: int, executions: dict[Cell, int], errors: int = 0) -> Counts:
    tasks = Counter({cell: n for cell, n in executions.items() if cell[1] != "RETRY"})
    return Counts(Counter({"shop.a": publishes}), Counter(executions), tasks, Counter({"shop.a": errors}))


DONE = counts(
    publishes=5,
    executions={("shop.a", "SUCCESS"): 3, ("shop.a", "RETRY"): 1, ("shop.a", "FAILURE"): 1},
    errors=1,
)
HALF = counts(publishes=5, executions={("shop.a", "SUCCESS"): 2})


def told(*answers: Counts) -> Callable[[], Counts]:
    """Gives the answers one after the other, the last for ever."""
    sequence = chain(answers, repeat(answers[-1]))
    return lambda: next(sequence)


def nothing_to_check() -> None: ...


def test_rows_of_the_tables_become_the_same_cells() -> None:
    rows = [
        ("publishes", "shop.a", "", 5),
        ("executions", "shop.a", "SUCCESS", 3),
        ("executions", "shop.a", "RETRY", 1),
        ("executions", "shop.a", "FAILURE", 1),
        ("tasks", "shop.a", "SUCCESS", 3),
        ("tasks", "shop.a", "FAILURE", 1),
        ("errors", "shop.a", "", 1),
    ]
    assert counts_of_rows(rows) == DONE
    assert DONE.all_ended
    assert not HALF.all_ended


def test_waits_until_the_tables_have_caught_up() -> None:
    pair = check.wait_until_equal(
        told(HALF, DONE), told(NOTHING, HALF, HALF, DONE), nothing_to_check, settled_s=0
    )
    assert pair == (DONE, DONE)


def test_gives_up_after_silence() -> None:
    pair = check.wait_until_equal(told(DONE), told(NOTHING), nothing_to_check, silence_s=0.1, settled_s=0)
    assert pair == (DONE, NOTHING)


def test_a_row_too_many_that_comes_late_is_seen() -> None:
    more = counts(publishes=6, executions=dict(DONE.executions), errors=1)
    pair = check.wait_until_equal(
        told(DONE), told(DONE, more), nothing_to_check, silence_s=0.1, settled_s=0.3
    )
    assert pair == (DONE, more)


def test_a_load_that_hangs_is_no_success_even_when_both_agree() -> None:
    pair = check.wait_until_equal(told(HALF), told(HALF), nothing_to_check, silence_s=0.1, settled_s=0)
    assert pair == (HALF, HALF)
    assert "not every message" in check.likely_cause(*pair)
    assert check.wait_until_ended(told(HALF), nothing_to_check, silence_s=0.1) == HALF
    assert check.wait_until_ended(told(HALF, DONE), nothing_to_check, silence_s=5) == DONE


def test_the_check_between_polls_ends_the_wait() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check.wait_until_equal(told(DONE), told(NOTHING), stop)


def test_the_table_says_which_lines_differ() -> None:
    text = check.render(check.compare(DONE, HALF))
    lines = {tuple(line.split()[:2]): line.split()[-3:] for line in text.splitlines()}
    assert lines["executions", "SUCCESS"] == ["3", "2", "DIFFERENT"]
    assert lines["executions", "RETRY"] == ["1", "0", "DIFFERENT"]
    assert lines["publishes", "5"] == ["5", "5", "ok"]
    assert "executions of shop.a RETRY: expected 1, found 0" in check.differences(DONE, HALF)
    assert check.differences(DONE, DONE) == []


@pytest.mark.parametrize(
    ("found", "environ", "said"),
    [
        (NOTHING, {"TASKMON_ENABLED": "false"}, "TASKMON_ENABLED=false"),
        (NOTHING, {"OTEL_SDK_DISABLED": "true"}, "OTEL_SDK_DISABLED"),
        (NOTHING, {}, "the worker's log"),
        (HALF, {"TASKMON_ENABLED": "false"}, "some executions did not arrive"),
        (counts(publishes=5, executions={("shop.a", "SUCCESS"): 6}), {}, "counted twice"),
        (counts(publishes=5, executions={("shop.a", "SUCCESS"): 5}), {}, "not with the states"),
    ],
)
def test_the_likely_cause(found: Counts, environ: dict[str, str], said: str) -> None:
    assert said in check.likely_cause(DONE, found, environ)


def test_a_taken_port_is_replaced_unless_it_was_chosen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        other = choose_port("127.0.0.1", taken, flag="--p", variable="TASKMON_P", chosen=False)
        assert other != taken
        assert choose_port("127.0.0.1", other, flag="--p", variable="TASKMON_P", chosen=True) == other
        with pytest.raises(TaskmonError, match=rf"port {taken} on 127\.0\.0\.1 is taken.*--p or TASKMON_P"):
            choose_port("127.0.0.1", taken, flag="--p", variable="TASKMON_P", chosen=True)


def test_the_children_send_to_the_demo_whatever_the_shell_says() -> None:
    shell = {
        "PATH": "/bin",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://prod.example.com",
        "OTEL_TRACES_EXPORTER": "none",
        "CELERY_BROKER_URL": "redis://prod.example.com",
        "TASKMON_CLICKHOUSE_PASSWORD": "x",
        "TASKMON_ENABLED": "false",
        "no_proxy": "intranet",
    }
    assert environment(StoreSettings(otlp_http_port=4444), "redis://127.0.0.1:1/0", shell) == {
        "PATH": "/bin",
        "TASKMON_ENABLED": "false",
        "NO_PROXY": "intranet,127.0.0.1,localhost,::1",
        "no_proxy": "intranet,127.0.0.1,localhost,::1",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4444",
        "SHOP_BROKER_URL": "redis://127.0.0.1:1/0",
    }


def test_the_day_of_the_endless_load_has_a_mean_of_two_scenes_per_second() -> None:
    rates = [scenes_per_second(float(second)) for second in range(600)]
    assert min(rates) < 1.0
    assert max(rates) > 3.0
    assert sum(rates) / len(rates) == pytest.approx(2.0, abs=0.01)
