"""Queues over time and their rates, against plain computations over what was stored."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from otel_taskmon.queries.connection import Client
from otel_taskmon.queries.queue_history import QueueFlow, last_samples, queue_flows, queue_history
from tests.support.store import Store, running_store
from tests.support.stored_tasks import at, insert, run, send

pytestmark = [pytest.mark.integration, pytest.mark.slow]

GAUGE = ["TimeUnix", "MetricName", "Attributes", "Value"]
MINUTES = 30
SAMPLES = {10.0 * number: (number * 7) % 31 for number in range(MINUTES * 6) if not 60 <= number < 90}
"""Second -> messages waiting; ten minutes from the tenth to the fifteenth without any."""
WAITS = [float(number % 13) for number in range(300)]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("queues")) as running:
        writer = running.client("ingest", autogenerate_session_id=False)
        rows = []
        for second, depth in SAMPLES.items():
            where = {"messaging.system": "redis", "messaging.destination.name": "mails"}
            for name, value in (("depth", float(depth)), ("unacked", 2.0)):
                rows.append([at(second), f"taskmon.queue.{name}", where, value])
            oldest = (at(second) - timedelta(seconds=depth)).timestamp() * 1e9
            rows.append([at(second), "taskmon.queue.oldest_at", where, oldest])
        for _ in range(2):  # a collector that sends a batch once more changes nothing
            writer.insert("otel_metrics_gauge", rows, column_names=GAUGE, database="otel")
        records = []
        for number, wait in enumerate(WAITS):
            sent = 5.0 * number
            records.append(send(f"t{number}", sent=sent, first=sent, queue="mails"))
            records.append(
                run(
                    f"t{number}", "SUCCESS", first=sent, published=sent, received=sent, started=sent + wait,
                    ended=sent + wait + 1, queue="mails",
                )
            )  # fmt: skip
        records.append(send("refused", sent=7, first=7, queue="mails", error="OSError"))
        records.append(run("eager", "SUCCESS", started=8, ended=9, queue="mails", is_eager="true"))
        records.append(send("other", sent=7, first=7, queue="<i>other</i>"))
        insert(writer, records)
        insert(writer, records[:100])
        yield running


def moment(second: float) -> datetime:
    return at(second)


def test_every_bucket_has_its_length_and_its_traffic(reader: Client) -> None:
    since, until = moment(0), moment(MINUTES * 60)
    history = queue_history(reader, "mails", since, until, buckets=30)
    width = history.bucket_seconds
    assert width >= 60
    assert [bucket.start for bucket in history.buckets] == [
        history.buckets[0].start + timedelta(seconds=width * number) for number in range(len(history.buckets))
    ]
    assert history.samples == len(SAMPLES)
    for bucket in history.buckets:
        begin = bucket.start.timestamp()

        def inside(second: float, begin: float = begin) -> bool:
            return begin <= moment(second).timestamp() < begin + width and since <= moment(second) < until

        depths = [depth for second, depth in SAMPLES.items() if inside(second)]
        assert bucket.depth == (pytest.approx(sum(depths) / len(depths)) if depths else None)
        assert bucket.deepest == (max(depths) if depths else None)
        assert bucket.oldest_seconds == (max(depths) if depths else None)
        assert bucket.published == sum(inside(5.0 * number) for number in range(len(WAITS)))
        waits = [wait for number, wait in enumerate(WAITS) if inside(5.0 * number + wait)]
        assert bucket.taken == len(waits)
        if waits:
            assert bucket.wait_p50_ns is not None
            assert bucket.wait_p95_ns is not None
            low, high = min(waits) * 1e9, max(waits) * (1 + 1e-6) * 1e9  # a sketch keeps 32 bits of a value
            assert low <= bucket.wait_p50_ns <= bucket.wait_p95_ns <= high
        else:
            assert bucket.wait_p50_ns is None
    assert any(bucket.depth is None for bucket in history.buckets)


def test_an_unknown_queue_and_a_reversed_range_are_empty(reader: Client) -> None:
    assert queue_history(reader, "nobody's", moment(0), moment(60)).samples == 0
    assert queue_history(reader, "mails", moment(60), moment(0)).buckets == ()


def test_the_rates_of_the_last_minutes(reader: Client) -> None:
    now = moment(600)
    begins = [5.0 * number + wait for number, wait in enumerate(WAITS)]
    flows = queue_flows(reader, now)
    assert flows["mails"] == QueueFlow(60, sum(300 <= second < 600 for second in begins))
    assert set(flows) == {"mails"}
    assert queue_flows(reader, moment(10)) == {
        "<i>other</i>": QueueFlow(1, 0),
        "mails": QueueFlow(2, sum(second < 10 for second in begins)),
    }


def test_the_last_sample_is_the_newest_within_the_hour(reader: Client) -> None:
    (sample,) = last_samples(reader, moment(MINUTES * 60))
    assert (sample.queue, sample.broker, sample.unacked) == ("mails", "redis", 2)
    assert sample.sampled_at == moment(max(SAMPLES))
    assert sample.depth == SAMPLES[max(SAMPLES)]
    assert last_samples(reader, moment(MINUTES * 60 + 3 * 3600)) == []
