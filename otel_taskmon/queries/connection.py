"""The one way to the store: ClickHouse's HTTP interface, of the embedded store and of a ClickHouse server alike."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client as DriverClient
from clickhouse_connect.driver.exceptions import ClickHouseError, Error

from otel_taskmon.errors import QueryFailed, StoreUnavailable

CONNECT_SECONDS = 5
READ_SECONDS = 60
"""Longer than the store's own limit on a query, so that the store's error arrives and not a bare time-out."""

_PIECE_BYTES = 64 * 1024
_NO_ANSWER_CODES = frozenset({209, 210, 279})
"""SOCKET_TIMEOUT, NETWORK_ERROR, ALL_CONNECTION_TRIES_FAILED: a server that cannot reach its own parts."""
_NO_CHARACTER: Final = re.compile("[\ud800-\udfff]")
"""Halves of a character: what Python makes of bytes on a command line that are no UTF-8. No stored text has one."""
_DRIVERS_FRAME: Final = re.compile(
    r"^(?:Received ClickHouse exception, code: \d+, server response: )?(?:Code: \d+\. DB::Exception: )?"
    r"(?P<said>.*?)(?: \(version [\d.]+[^()]*(?:\([^()]*\))?\))?\s*(?:\(for url \S+\))?$",
    re.DOTALL,
)
"""What the driver and the server put around their words: the code and the address, which our text has itself."""


@dataclass(frozen=True)
class Result:
    """A small answer: column names, and rows in the order of the names."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[Any]]

    def only(self) -> Sequence[Any]:
        """The single row of a question that always has one."""
        return self.rows[0]


class Client:
    """Asks the store; safe to use from several threads at once, since it holds no session."""

    def __init__(self, driver: DriverClient, where: str) -> None:
        self._driver = driver
        self._where = where

    def ask(self, sql: str, parameters: Mapping[str, object] | None = None) -> Result:
        """The whole answer.

        Raises StoreUnavailable when nobody answers, QueryFailed when the store answers with an error.
        """
        with self._errors():
            answer = self._driver.query(sql, parameters=_sendable(parameters), tz_mode="aware")
            return Result(tuple(answer.column_names), answer.result_rows)

    def stream(self, sql: str, parameters: Mapping[str, object] | None = None) -> Iterator[Sequence[Any]]:
        """Row by row, holding one block at a time; errors as ``ask``, also in the middle."""
        with self._errors():
            stream = self._driver.query_rows_stream(sql, parameters=_sendable(parameters), tz_mode="aware")
            with stream as rows:
                yield from rows

    def run(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        """A statement without an answer (needs a user that may write); errors as ``ask``."""
        with self._errors():
            self._driver.command(sql, parameters=_sendable(parameters))

    def raw(
        self,
        sql: str,
        parameters: Mapping[str, object] | None = None,
        *,
        output_format: str,
        settings: Mapping[str, str] | None = None,
    ) -> Iterator[bytes]:
        """The answer as it comes, in one of ClickHouse's output formats unless the statement names its own.

        Holds one piece at a time; errors as ``ask``, also in the middle, where the store says so in what it sends.
        """
        with self._errors():
            answer = self._driver.raw_stream(
                sql,
                parameters=_sendable(parameters),
                settings=dict(settings or {}),
                transport_settings={"X-ClickHouse-Format": output_format},
            )
            assert isinstance(answer, io.IOBase)  # the other kind is the asynchronous client's
            with answer:
                while piece := answer.read(_PIECE_BYTES):
                    yield piece

    def close(self) -> None:
        self._driver.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        with store_errors(self._where):
            yield


def _sendable(parameters: Mapping[str, object] | None) -> dict[str, object]:
    """The same with U+FFFD, as in every text that was decoded, for what is no character and could not be sent."""
    return {name: _as_text(value) for name, value in (parameters or {}).items()}


def _as_text(value: object) -> object:
    if isinstance(value, str):
        return value if value.isascii() else _NO_CHARACTER.sub("\ufffd", value)
    if isinstance(value, list | tuple):
        return [_as_text(one) for one in value]
    return value


@contextmanager
def store_errors(where: str) -> Iterator[None]:
    """Turns the driver's errors into ours. An error with a ClickHouse code was answered by the store; one without
    was not answered at all."""
    try:
        yield
    except Error as error:
        if error.code is None or error.code in _NO_ANSWER_CODES:
            raise StoreUnavailable(f"the store at {where} does not answer: {_reason(error)}") from error
        raise QueryFailed(
            f"the store at {where} answered with error {error.code}: {_said(error)}", int(error.code)
        ) from error
    except (ClickHouseError, OSError) as error:
        raise StoreUnavailable(f"the store at {where} does not answer: {_reason(error)}") from error


def _said(error: BaseException) -> str:
    found = _DRIVERS_FRAME.match(str(error).strip())
    return (found["said"] if found else str(error)).strip() or type(error).__name__


def _reason(error: BaseException) -> str:
    """What the network said, where it was that: around it stand three layers of retries that never were."""
    inner = error
    while (cause := inner.__cause__ or inner.__context__) is not None:
        inner = cause
    if not isinstance(inner, OSError):
        return _said(error)
    return inner.strerror or str(inner) or type(inner).__name__


def connect(
    url: str, user: str = "default", password: str = "", *, read_seconds: int = READ_SECONDS
) -> Client:
    """A client for the store at ``url`` (``http://host:port``) that waits ``read_seconds`` for an answer.

    With ``https`` the server's certificate is checked against the system's authorities, or those of the file that
    ``SSL_CERT_FILE`` names.

    Asks the store for its version, so raises StoreUnavailable at once when nobody answers there, and QueryFailed when
    the user or password is refused.
    """
    with store_errors(url):
        driver = clickhouse_connect.get_client(
            dsn=url,
            # The driver takes no notice of the scheme: it would go by the port, and send a password in the clear.
            interface=urlsplit(url).scheme,
            username=user,
            password=password,
            connect_timeout=CONNECT_SECONDS,
            send_receive_timeout=read_seconds,
            # A session serialises queries; the pages ask several at once.
            autogenerate_session_id=False,
            # Ids and search texts have no bound that fits into an address line.
            form_encode_query_params=True,
            query_retries=0,
        )
    return Client(driver, url)
