"""The body of an OTLP request to its protobuf message: protobuf, or JSON by OTLP's own rules.

OTLP/JSON is protobuf's JSON with three differences (OTLP specification, "JSON Protobuf Encoding"): ids are hex and
not base64, enums are numbers, and unknown fields are ignored.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, Final, TypeVar

from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message

from otel_taskmon.store.otlp_errors import BadOtlp
from otel_taskmon.store.otlp_utf8 import parse_mended

M = TypeVar("M", bound=Message)

_HEX_FIELDS: Final = frozenset({"traceId", "trace_id", "spanId", "span_id", "parentSpanId", "parent_span_id"})
_REASON_CHARACTERS: Final = 300


def parse_protobuf(request_type: type[M], body: bytes) -> M:
    """Raises BadOtlp when ``body`` is not such a message; texts that are not UTF-8 are mended."""
    try:
        return request_type.FromString(body)
    except DecodeError:
        # Rare, so only now: was it a text that is not UTF-8, or is the body no such message at all?
        try:
            return parse_mended(request_type, body)
        except DecodeError as error:
            raise BadOtlp(f"not an {request_type.DESCRIPTOR.name} in protobuf: {_reason(error)}") from error


def parse_json(request_type: type[M], body: bytes) -> M:
    """Raises BadOtlp when ``body`` is not such a message in JSON; bytes that are not UTF-8 are replaced."""
    name = request_type.DESCRIPTOR.name
    try:
        document = json.loads(body.decode("utf-8", "replace"))
        if not isinstance(document, dict):
            raise BadOtlp(f"not an {name} in JSON: an object is wanted, not {type(document).__name__}")
        return json_format.ParseDict(_protobuf_json(document), request_type(), ignore_unknown_fields=True)
    except RecursionError as error:
        raise BadOtlp(f"not an {name} in JSON: nested too deeply") from error
    except (ValueError, TypeError, AttributeError, json_format.ParseError) as error:
        # json_format lets a few wrong shapes through to Python's own errors
        raise BadOtlp(f"not an {name} in JSON: {_reason(error)}") from error


def _protobuf_json(value: Any, key: str = "") -> Any:
    """The same document as protobuf's JSON reader wants it: ids in base64, no lone surrogates."""
    if isinstance(value, dict):
        return {name: _protobuf_json(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_protobuf_json(item, key) for item in value]
    if not isinstance(value, str):
        return value
    if key in _HEX_FIELDS:
        try:
            return base64.b64encode(binascii.unhexlify(value)).decode("ascii")
        except (binascii.Error, ValueError) as error:
            raise BadOtlp(f"{key} is not hex digits: {value[:40]!r}") from error
    return value.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def _reason(error: Exception) -> str:
    return str(error)[:_REASON_CHARACTERS]
