"""Everything that reaches behind the public interfaces of Celery and of the stock instrumentor.

All of it is here, so that a new release of either is checked in one place: each function answers None or ""
instead of raising when what it looks for has moved, and ``missing_parts`` says what that is.
"""

from __future__ import annotations

import functools
import re
import threading
import weakref
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from celery import Celery, _state, current_app, current_task, signals
from opentelemetry import trace
from opentelemetry.instrumentation.celery import CeleryInstrumentor, celery_getter
from opentelemetry.instrumentation.celery import utils as stock_utils
from opentelemetry.instrumentation.celery.version import __version__ as stock_version
from opentelemetry.propagate import extract
from opentelemetry.trace import Span, Tracer, TracerProvider

from otel_taskmon._safely import goes_around

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from opentelemetry.context import Context

STOCK_MODULE = "opentelemetry.instrumentation.celery"
STOCK_HISTOGRAM = "flower.task.runtime.seconds"
STOCK_SCHEMA = "https://opentelemetry.io/schemas/1.11.0"
STOCK_READS: tuple[str, ...] = tuple(getattr(stock_utils, "CELERY_CONTEXT_ATTRIBUTES", ()))
"""Names of all that the stock receivers read of a request; () where that cannot be told."""
Receiver = Callable[..., object]

_MESSAGING_SYSTEMS = {
    "amqp": "rabbitmq",
    "amqps": "rabbitmq",
    "pyamqp": "rabbitmq",
    "librabbitmq": "rabbitmq",
    "redis": "redis",
    "rediss": "redis",
    "sentinel": "redis",
    "valkey": "redis",
    "valkeys": "redis",
    "sqs": "aws_sqs",
    "confluentkafka": "kafka",
    "azureservicebus": "servicebus",
    "gcpubsub": "gcp_pubsub",
}
"""URL scheme of the broker -> value of ``messaging.system``; others stand for themselves."""

_systems: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()
_queue_names: dict[tuple[int, str, str], str] = {}
_QUEUE_NAMES_KEPT = 1000
_instrument_lock = threading.Lock()


class TakesProcessors(Protocol):
    """A tracer provider, or the list of processors behind a tracer."""

    def add_span_processor(self, span_processor: Any) -> None: ...

    def force_flush(self, timeout_millis: int = ...) -> bool: ...


# ---- the stock instrumentor --------------------------------------------------------------------------------
def instrument_once() -> CeleryInstrumentor:
    """The stock instrumentor, instrumenting now unless somebody did before."""
    with _instrument_lock:
        instrumentor = CeleryInstrumentor()  # type: ignore[no-untyped-call]  # a singleton
        if not instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.instrument()
        return instrumentor


def follow_stock(again: Callable[[], object]) -> None:
    """Automatic instrumentation is about to instrument, with a distro's own arguments perhaps: then call ``again``.

    Without arguments there is nothing left to do, and no reason for its warning that it was done already.
    """
    instrumentor = CeleryInstrumentor()  # type: ignore[no-untyped-call]
    original = instrumentor.instrument

    def instrument(**arguments: Any) -> None:
        if set(arguments) - {"skip_dep_check", "raise_exception_on_conflict"} and stock_active():
            instrumentor.uninstrument()
        if not stock_active():
            original(**arguments)
            again()

    instrumentor.instrument = instrument


def stock_active() -> bool:
    """False once somebody has called ``uninstrument()``."""
    return bool(getattr(CeleryInstrumentor._instance, "is_instrumented_by_opentelemetry", False))


def take_stock_receivers(signal: Any) -> list[Receiver]:
    """Disconnect what the stock instrumentor connected to ``signal``, and give it back, in order."""
    taken = [
        receiver
        for _, receiver in list(signal.receivers or ())
        if str(getattr(receiver, "__module__", "")).startswith(STOCK_MODULE)
    ]
    for receiver in taken:
        signal.disconnect(receiver)
    return taken


def stock_span(holder: object, task_id: Any, *, publish: bool) -> Span | None:
    """The open span that the stock receivers keep on ``holder`` (a task, or the sender they were given)."""
    found = stock_utils.retrieve_context(holder, task_id, is_publish=publish)
    return None if found is None else found[0]


def close_stock_publish(holder: object, task_id: Any) -> None:
    """End the publish span on ``holder`` and leave its context, as the stock receiver does after a publish."""
    found = stock_utils.retrieve_context(holder, task_id, is_publish=True)
    if found is None:
        return
    activation: AbstractContextManager[Span] = found[1]
    stock_utils.detach_context(holder, task_id, is_publish=True)
    activation.__exit__(None, None, None)


def span_target() -> TakesProcessors | None:
    """Where the stock instrumentor's spans go; None while no SDK provider is set up.

    An explicit ``CeleryInstrumentor().instrument(tracer_provider=…)`` goes before the global provider.
    """
    tracer = getattr(CeleryInstrumentor._instance, "_tracer", None)
    candidates: tuple[Any, Any] = (getattr(tracer, "span_processor", None), trace.get_tracer_provider())
    return next((found for found in candidates if hasattr(found, "add_span_processor")), None)


def sampler() -> Any:
    """What decides about the stock instrumentor's spans; None while no SDK provider is set up."""
    tracer = getattr(CeleryInstrumentor._instance, "_tracer", None)
    return getattr(tracer, "sampler", None) or getattr(trace.get_tracer_provider(), "sampler", None)


def span_way() -> tuple[object, object]:
    """What ``span_target`` depends on: while these are the same two objects, so is that."""
    return getattr(CeleryInstrumentor._instance, "_tracer", None), trace.get_tracer_provider()


def tracer_of(provider: TracerProvider | None) -> Tracer:
    """The stock instrumentor's tracer; of ``provider``, one that looks the same."""
    stock: Tracer = CeleryInstrumentor._instance._tracer
    if provider is None:
        return stock
    return provider.get_tracer(STOCK_MODULE, stock_version, schema_url=STOCK_SCHEMA)


def uses_links() -> bool:
    """Whether run spans are linked to the publish instead of being below it."""
    return bool(getattr(CeleryInstrumentor._instance, "_use_span_links", False))


def trace_context(request: Any) -> Context | None:
    """Where the message of ``request`` says that it comes from; None where it does not say."""
    return extract(request, getter=celery_getter) or None


def stock_run_attributes(request: Any) -> dict[str, Any]:
    """What the stock receivers say of a request on its run span, under their keys, but for the outcome.

    Values may be of any type: a header of anybody's can have the name of one of Celery's.
    """
    found = _Collector()
    # its dict, since ``request.get`` looks for each of nineteen names by three calls; what a request has not is None
    take: Any = stock_utils.set_attributes_from_context
    take(found, vars(request))
    return found.attributes


class _Collector:
    """Takes the place of a span, for the stock instrumentor's function that sets attributes one by one."""

    def __init__(self) -> None:
        self.attributes: dict[str, Any] = {}
        self.set_attribute = self.attributes.__setitem__

    def is_recording(self) -> bool:
        return True


def record_runtime(seconds: float, task_name: str, worker: Any) -> None:
    """The stock instrumentor's histogram of runtimes."""
    CeleryInstrumentor._instance.metrics[STOCK_HISTOGRAM].record(
        seconds, attributes={"task": task_name, "worker": worker}
    )


# ---- Celery ------------------------------------------------------------------------------------------------
def current_execution() -> tuple[Any, Any] | None:
    """(task, request) of what runs in this thread now, or None."""
    task = current_task._get_current_object()
    if task is None:
        return None
    request = task.request
    return None if request is None else (task, request)


def enclosing_request(request: Any) -> Any:
    """What the task that called an eager one was asked to do; None where no task did.

    Celery says so itself from 5.6 on.
    """
    tasks = list(getattr(_state._task_stack, "stack", None) or ())
    if len(tasks) < 2 or tasks[-1].request is not request:
        return None
    caller = tasks[-2]
    if caller is not tasks[-1]:
        return caller.request
    requests = list(getattr(caller.request_stack, "stack", None) or ())
    return requests[-2] if len(requests) > 1 else None


def called_by_tracer(error: BaseException) -> str:
    """The function that Celery's tracer of tasks had called when ``error`` was raised; "" if that was elsewhere."""
    trace = error.__traceback__
    if trace is None or trace.tb_next is None or trace.tb_frame.f_code.co_name != "trace_task":
        return ""
    return trace.tb_next.tb_frame.f_code.co_name


def request_dict(request: Any) -> dict[str, Any] | None:
    """The dict of a worker's ``Request`` that the pool process will see as ``task.request``."""
    found = getattr(request, "_request_dict", None)
    return found if isinstance(found, dict) else None


def chord_of(request: Any) -> object:
    """The signature of the chord's body that a worker's ``Request`` belongs to; None where it belongs to none.

    Celery's own property keeps it behind a lock, which every receipt would take.
    """
    payload = getattr(request, "_payload", None)
    if (type(payload) is tuple or type(payload) is list) and len(payload) == 3:
        embedded = payload[2]
        return embedded.get("chord") if isinstance(embedded, dict) else None
    return getattr(request, "chord", None)


def app_or_current(app: Celery | None) -> Celery:
    return app if app is not None else current_app._get_current_object()


def messaging_system(app: Any) -> str:
    """``messaging.system`` from the broker's URL, "" when it has none; asked of each app once, as it is slow."""
    known = _systems.get(app)
    if known is None:
        url = app.conf.broker_read_url or app.conf.broker_url or app.conf.broker_write_url
        if isinstance(url, (list, tuple)):
            url = url[0] if url else ""
        scheme = str(url or "amqp://").partition("://")[0].partition("+")[0].lower()
        known = _systems[app] = _MESSAGING_SYSTEMS.get(scheme, scheme)
    return known


def queue_of(app: Any, delivery_info: Mapping[str, Any]) -> str:
    """The queue a message came from, "" when it cannot be told.

    The default exchange routes by queue name; else it is the one declared queue that takes that exchange and key.
    """
    exchange, key = delivery_info.get("exchange") or "", delivery_info.get("routing_key") or ""
    if not isinstance(exchange, str) or not isinstance(key, str):
        return ""
    if not exchange:
        return key
    known = (id(app), exchange, key)
    if known not in _queue_names:
        if len(_queue_names) >= _QUEUE_NAMES_KEPT:
            _queue_names.clear()
        taking = [name for name, queue in app.amqp.queues.items() if takes(queue, exchange, key)]
        _queue_names[known] = taking[0] if len(taking) == 1 else ""
    return _queue_names[known]


def takes(queue: Any, exchange: str, key: str) -> bool:
    """Whether a message to ``exchange`` with that routing key comes into ``queue`` (a ``kombu.Queue``)."""
    bound = getattr(queue, "exchange", None)
    if bound is None or bound.name != exchange:
        return False
    kind, binding = bound.type, queue.routing_key or ""
    if kind == "fanout":
        return True
    return bool(binding == key or (kind == "topic" and _topic(binding).fullmatch(f".{key}")))


@functools.lru_cache(maxsize=256)
def _topic(binding: str) -> re.Pattern[str]:
    """``*`` is one word, ``#`` any number of them, words are parted by dots; each word with the dot before it."""
    words = {"*": r"\.[^.]*", "#": r"(?:\.[^.]*)*"}
    return re.compile("".join(words.get(word, re.escape(f".{word}")) for word in binding.split(".")))


def wrap_send_task(around: Callable[[Any, functools.partial[Any]], Any]) -> None:
    """Run every ``Celery.send_task`` as ``around(app, call)``, once per process.

    No signal says that a publish failed, and all of Celery's ways to publish end in this method.
    """
    original = Celery.send_task
    if hasattr(original, "_taskmon_around"):
        return

    @functools.wraps(original)
    def send_task(self: Any, *args: Any, **kwargs: Any) -> Any:
        return around(self, functools.partial(original, self, *args, **kwargs))

    goes_around(send_task)
    send_task._taskmon_around = around  # type: ignore[attr-defined]
    Celery.send_task = send_task


def missing_parts() -> list[str]:
    """What this module expects and does not find in the installed versions; asked after instrumenting."""
    wanted: list[tuple[object, str]] = [
        (Celery, "send_task"),
        (stock_utils, "retrieve_context"),
        (stock_utils, "detach_context"),
        (stock_utils, "set_attributes_from_context"),
        (CeleryInstrumentor._instance, "metrics"),
        (CeleryInstrumentor._instance, "_tracer"),
        (current_task, "_get_current_object"),
        (_state, "_task_stack"),
        (signals.task_postrun, "receivers"),
    ]
    return [
        f"{getattr(owner, '__name__', owner)!s}.{name}" for owner, name in wanted if not hasattr(owner, name)
    ]
