"""Reading OTLP whose texts are not valid UTF-8: the wrong bytes are replaced, nothing else changes.

Protobuf refuses a whole request for one such byte, and its sender would send it again and again. On the wire a
string is the same as bytes, so the request is read with a copy of OTLP's descriptors in which every string is bytes,
mended there, and read again.
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

M = TypeVar("M", bound=Message)

_lenient_types: Final[dict[str, type[Message]]] = {}


def parse_mended(request_type: type[M], body: bytes) -> M:
    """``body`` with every wrong byte of a text replaced by U+FFFD.

    Raises google.protobuf.message.DecodeError when something else is wrong with it.
    """
    name = request_type.DESCRIPTOR.full_name
    lenient_type = _lenient_types.get(name)
    if lenient_type is None:
        lenient_type = _lenient_types.setdefault(name, _lenient(request_type))
    lenient = lenient_type.FromString(body)
    _mend(lenient, request_type.DESCRIPTOR)
    return request_type.FromString(lenient.SerializeToString())


def _lenient(request_type: type[Message]) -> type[Message]:
    pool = DescriptorPool()
    _add_file(pool, request_type.DESCRIPTOR.file, set())
    return GetMessageClass(pool.FindMessageTypeByName(request_type.DESCRIPTOR.full_name))


def _add_file(pool: DescriptorPool, file: Any, added: set[str]) -> None:
    if file.name in added:
        return
    added.add(file.name)
    for dependency in file.dependencies:
        _add_file(pool, dependency, added)
    proto = FileDescriptorProto()
    file.CopyToProto(proto)
    for message in proto.message_type:
        _strings_to_bytes(message)
    pool.Add(proto)


def _strings_to_bytes(message: DescriptorProto) -> None:
    for field in message.field:
        if field.type == FieldDescriptorProto.TYPE_STRING:
            field.type = FieldDescriptorProto.TYPE_BYTES
    for nested in message.nested_type:
        _strings_to_bytes(nested)


# Descriptors come in two classes, in Python and in C, that share no type.
def _mend(message: Message, strict: Any) -> None:
    for field, value in message.ListFields():
        original = strict.fields_by_name[field.name]
        repeated = original.is_repeated
        if original.message_type is not None:
            for child in value if repeated else (value,):
                _mend(child, original.message_type)
        elif original.type == FieldDescriptor.TYPE_STRING:
            _mend_field(message, field.name, value, repeated=repeated)


def _mend_field(message: Message, name: str, value: Any, *, repeated: bool) -> None:
    if repeated:
        value[:] = [_valid(item) for item in value]
    else:
        setattr(message, name, _valid(value))


def _valid(text: bytes) -> bytes:
    return text.decode("utf-8", "replace").encode()
