"""Opening a broker: kombu with short time-outs, and its many errors as ours. No password is ever in a text."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from otel_taskmon.broker.model import BrokerUnavailable, UnsupportedBroker
from otel_taskmon.errors import TaskmonError

if TYPE_CHECKING:
    from otel_taskmon.broker.amqp import AmqpBroker
    from otel_taskmon.broker.redis_broker import RedisBroker

CONNECT_S: Final = 3.0
ANSWER_S: Final = 10.0
"""A script over some thousand messages on a busy broker takes a fraction of a second."""
_LONGEST_REASON: Final = 300


def connect(url: str, transport_options: Mapping[str, object] | None = None) -> RedisBroker | AmqpBroker:
    """The broker at ``url`` as Celery writes it; ``transport_options`` are Celery's ``broker_transport_options``.

    Nothing is opened before the first question. Raises TaskmonError for what is no address, UnsupportedBroker for
    other brokers than Redis and RabbitMQ.
    """
    from kombu.connection import Connection

    def make() -> Any:
        kind: Any = Connection  # its types are incomplete
        return kind(url, transport_options=dict(transport_options or {}))

    return connect_by(make)


def connect_by(make: Callable[[], Any]) -> RedisBroker | AmqpBroker:
    """As :func:`connect`, for the kombu connection that ``make`` gives (``app.connection_for_read``)."""
    try:
        connection = make()
        driver = str(connection.transport.driver_type)
    except (
        LookupError,
        ValueError,
        ImportError,
        TypeError,
        AttributeError,
    ) as error:  # kombu raises all of these
        # without the package redis it stumbles over None, and says nothing of the package
        if isinstance(error, ImportError) or importlib.util.find_spec("redis") is None:
            raise TaskmonError(
                f"the client for this broker is not installed here ({_short(error)}): pip install 'celery[redis]' "
                "brings that for Redis; that for RabbitMQ comes with Celery"
            ) from None
        raise TaskmonError(
            f"this is no address of a broker: {type(error).__name__}: {_short(error)}"
        ) from None
    if driver == "redis":
        from otel_taskmon.broker.redis_broker import RedisBroker

        connection.transport_options = {
            **connection.transport_options,
            "socket_connect_timeout": CONNECT_S,
            "socket_timeout": ANSWER_S,
        }
        return RedisBroker(connection)
    if driver == "amqp":
        from otel_taskmon.broker.amqp import AmqpBroker

        connection.connect_timeout = CONNECT_S
        timeouts = {"read_timeout": ANSWER_S, "write_timeout": ANSWER_S}
        connection.transport_options = {**connection.transport_options, **timeouts}
        return AmqpBroker(connection)
    raise UnsupportedBroker(
        f"queues of a {driver} broker cannot be looked at: only Redis and RabbitMQ are known"
    )


def channel_of(connection: Any) -> Any:
    """A new channel, connecting first where that is needed (also after ``release``). Tries twice, without a pause."""
    connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
    return connection.channel()


def shown(connection: Any) -> str:
    """The broker's address with its password masked."""
    text: str = connection.as_uri()
    return text


@contextmanager
def broker_errors(connection: Any) -> Iterator[None]:
    """Turns what kombu, py-amqp and redis-py raise into BrokerUnavailable; our own errors pass."""
    kinds: tuple[type[BaseException], ...] = (OSError, *_errors_of(connection))
    try:
        yield
    except TaskmonError:
        raise
    except kinds as raised:
        error = raised.__cause__ or raised  # kombu wraps what went wrong while it connected
        reason = _short(error)
        password = str(getattr(connection, "password", "") or "")
        if password:
            reason = reason.replace(password, "***")
        refused = _refused(error)
        what = "refuses user or password" if refused else "does not answer"
        raise BrokerUnavailable(f"the broker at {shown(connection)} {what}: {reason}") from None


def _errors_of(connection: Any) -> tuple[type[BaseException], ...]:
    from kombu.exceptions import OperationalError

    errors: tuple[type[BaseException], ...] = (
        OperationalError,
        *connection.connection_errors,
        *connection.channel_errors,
    )
    # kombu calls KeyError a connection error of Redis; one of ours would be hidden by that
    return tuple(kind for kind in errors if kind is not KeyError)


def _refused(error: BaseException) -> bool:
    text = str(error).upper()
    return type(error).__name__ in {"AccessRefused", "AuthenticationError"} or any(
        word in text for word in ("NOAUTH", "WRONGPASS", "ACCESS_REFUSED", "INVALID PASSWORD")
    )


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:_LONGEST_REASON] or type(error).__name__
