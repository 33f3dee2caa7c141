"""How one setting is declared, read and checked; ``settings`` holds the settings themselves.

A setting is a dataclass field whose metadata holds a :class:`Spec`: environment variable, help text and the kind of
value. A kind turns what a person wrote (text from the environment, a Python value from code) into the value that the
program uses, or raises ValueError; the text of ``allowed`` then tells the person what would have been right.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

from otel_taskmon.errors import SettingError

METADATA_KEY: Final = "taskmon"
_TRUE: Final = frozenset({"true", "1", "yes", "on"})
_FALSE: Final = frozenset({"false", "0", "no", "off"})


@dataclass(frozen=True)
class Kind:
    """A kind of value: ``parse`` gives the value or raises ValueError, ``allowed`` says in words what it takes."""

    allowed: str
    parse: Callable[[object], Any]


@dataclass(frozen=True)
class Spec:
    """What is known of one setting besides its name; ``default_text`` is what the page of settings shows."""

    variable: str
    help: str
    kind: Kind
    secret: bool = False
    default_text: str = ""


class NotAllowed(ValueError):
    """A value that a kind does not take; its text, if any, says more than ``allowed`` does."""


class Hidden:
    """Stands in an error message for a value that must not be shown."""

    def __repr__(self) -> str:
        return "'***'"


def setting(
    variable: str,
    kind: Kind,
    help_text: str,
    *,
    default: Any,
    secret: bool = False,
    default_text: str | None = None,
) -> Any:
    """Declare a field of a settings dataclass; a callable ``default`` is called for each instance."""
    factory: Callable[[], Any] = default if callable(default) else lambda: default
    if default_text is None:
        default_text = "not set" if default is None else _as_text(factory())
    spec = Spec(variable, help_text, kind, secret, default_text)
    return field(default_factory=factory, repr=not secret, metadata={METADATA_KEY: spec})


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, enum.Enum):
        return str(value.value)
    if isinstance(value, tuple | Mapping):
        return json.dumps(dict(value) if isinstance(value, Mapping) else list(value))
    return str(value)


def spec_of(declared: dataclasses.Field[Any]) -> Spec:
    """The :class:`Spec` of a field that :func:`setting` made."""
    spec = declared.metadata[METADATA_KEY]
    assert isinstance(spec, Spec)
    return spec


def checked(name: str, value: object, spec: Spec) -> Any:
    """The value as the program uses it.

    ``name`` is what the person wrote (variable or keyword). Raises SettingError; a secret is never in its text.
    """
    try:
        return spec.kind.parse(value)
    except ValueError as error:
        shown: object = Hidden() if spec.secret or _has_credentials(value) else value
        reason = f" ({error})" if str(error) else ""
        raise SettingError(name, shown, spec.kind.allowed + reason) from None


def _has_credentials(value: object) -> bool:
    return isinstance(value, str) and "://" in value and "@" in value


def _parse_boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower() if isinstance(value, str | int) else ""
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise NotAllowed


BOOLEAN: Final = Kind("true, false, 1, 0, yes, no, on or off", _parse_boolean)


def integer(minimum: int, maximum: int) -> Kind:
    """A whole number within bounds."""

    def parse(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise NotAllowed
        if isinstance(value, str):
            # int() would also take "1_0" and digits of other scripts
            if not re.fullmatch(r"-?[0-9]{1,18}", value.strip()):
                raise NotAllowed
            value = int(value)
        if not minimum <= value <= maximum:
            raise NotAllowed
        return value

    return Kind(f"a whole number from {minimum} to {maximum}", parse)


def seconds(minimum: float, maximum: float) -> Kind:
    """A duration in seconds within bounds; fractions are fine."""

    def parse(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise NotAllowed
        try:
            number = float(value)
        except (ValueError, OverflowError):
            raise NotAllowed from None
        if not minimum <= number <= maximum:  # also refuses NaN
            raise NotAllowed
        return number

    return Kind(f"a number of seconds from {minimum:g} to {maximum:g}", parse)


def _parse_text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise NotAllowed
    return value


TEXT: Final = Kind("a text that is not empty", _parse_text)
PORT: Final = integer(1, 65535)


def _parse_host(value: object) -> str:
    host = _parse_text(value).strip()
    if not re.fullmatch(r"[A-Za-z0-9_.:\-]{1,253}", host):
        raise NotAllowed
    return host


HOST: Final = Kind("a host name or an IP address", _parse_host)


def _parse_optional_text(value: object) -> str | None:
    return None if value is None else _parse_text(value)


OPTIONAL_SECRET: Final = Kind("a text that is not empty, or nothing", _parse_optional_text)


def _parse_path(value: object) -> Path:
    if not isinstance(value, str | Path) or not str(value).strip() or "\0" in str(value):
        raise NotAllowed
    try:
        return Path(value).expanduser()
    except RuntimeError as error:  # "~" of somebody who has no home directory
        raise NotAllowed(str(error)) from None


PATH: Final = Kind("a path", _parse_path)


def _parse_optional_path(value: object) -> Path | None:
    return None if value is None else _parse_path(value)


OPTIONAL_PATH: Final = Kind("a path, or nothing", _parse_optional_path)


def one_of(*words: str) -> Kind:
    """One word of a closed list."""

    def parse(value: object) -> str:
        word = _parse_text(value).strip().lower()
        if word not in words:
            raise NotAllowed
        return word

    return Kind(f"{', '.join(words[:-1])} or {words[-1]}", parse)


def _parse_networks(value: object) -> tuple[str, ...]:
    import ipaddress  # only the viewer has such a setting: a worker never pays for it

    items = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
    if not isinstance(items, list | tuple):
        raise NotAllowed
    networks = []
    for item in items:
        if not isinstance(item, str):
            raise NotAllowed
        try:
            networks.append(str(ipaddress.ip_network(item)))
        except ValueError as error:
            raise NotAllowed(str(error)) from None
    return tuple(networks)


NETWORKS: Final = Kind(
    "IP addresses or networks with commas between them, for example 10.0.0.7,192.168.4.0/24", _parse_networks
)


def _parse_header_name(value: object) -> str | None:
    if value is None:
        return None
    name = _parse_text(value).strip()
    if not re.fullmatch(r"[A-Za-z0-9\-]{1,100}", name):
        raise NotAllowed
    return name.lower()


HEADER_NAME: Final = Kind(
    "the name of an HTTP header (letters, digits and -), or nothing", _parse_header_name
)


def _parse_url_path(value: object) -> str:
    if not isinstance(value, str):
        raise NotAllowed
    path = value.strip().strip("/")
    if not re.fullmatch(r"[A-Za-z0-9._~/\-]{0,200}", path) or any(
        part in ("", ".", "..") for part in path.split("/") if path
    ):
        raise NotAllowed
    return f"/{path}" if path else ""


URL_PATH: Final = Kind(
    "a path of letters, digits, ., _, ~ and - like /tools/taskmon, or nothing", _parse_url_path
)


def _parse_url(value: object) -> str:
    url = _parse_text(value).strip()
    parts = urlsplit(url)  # raises ValueError itself for a broken IPv6 address
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise NotAllowed
    if "@" in parts.netloc:
        raise NotAllowed("user and password have settings of their own")
    _ = parts.port  # raises ValueError when it is none
    return url


HTTP_URL: Final = Kind("http://host:port or https://host:port, without user and password", _parse_url)


def _parse_optional_url(value: object) -> str | None:
    return None if value is None else _parse_url(value).rstrip("/")


OPTIONAL_HTTP_URL: Final = Kind(
    "http://host:port or https://host:port, with a path where there is one, or nothing", _parse_optional_url
)


def _parse_json_object(value: object) -> Mapping[str, Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise NotAllowed("not JSON") from None
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise NotAllowed
    return MappingProxyType(dict(value))


JSON_OBJECT: Final = Kind(
    'a dict (in the environment as a JSON object, for example {"global_keyprefix": "shop:"})',
    _parse_json_object,
)


def _parse_broker_url(value: object) -> str | None:
    if value is None:
        return None
    url = _parse_text(value).strip()
    if "://" not in url:
        raise NotAllowed
    return url


OPTIONAL_BROKER_URL: Final = Kind(
    "an address like redis://host:6379/0 or amqp://host:5672//", _parse_broker_url
)


def _strings(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) and item for item in value):
        raise NotAllowed
    return tuple(value)


def _parse_patterns(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise NotAllowed("not JSON") from None
    patterns = _strings(value)
    for pattern in patterns:
        try:
            matches_nothing = re.compile(pattern).match("") is not None
        except re.error as error:
            raise NotAllowed(f"{pattern!r}: {error}") from None
        if matches_nothing:
            raise NotAllowed(f"{pattern!r} matches the empty text")
    return patterns


PATTERNS: Final = Kind(
    "a list of regular expressions (in the environment as JSON, for example"
    ' ["iban"]), none of which matches the empty text',
    _parse_patterns,
)


def _parse_name_mapping(value: object) -> Mapping[str, tuple[str, ...]]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise NotAllowed("not JSON") from None
    if not isinstance(value, Mapping):
        raise NotAllowed
    mapping: dict[str, tuple[str, ...]] = {}
    for canonical, alternates in value.items():
        # an empty alternate is fine: it names the tasks whose name gives no app
        if not isinstance(canonical, str) or not canonical:
            raise NotAllowed(f"the name {canonical!r}")
        if not isinstance(alternates, list | tuple) or not all(isinstance(name, str) for name in alternates):
            raise NotAllowed(f"the alternates of {canonical!r}")
        mapping[canonical] = tuple(alternates)
    return MappingProxyType(mapping)


NAME_MAPPING: Final = Kind(
    "a dict of app name to a list of alternate names (in the environment as JSON, for example"
    ' {"shop": ["shop_old", "shop2"]})',
    _parse_name_mapping,
)
