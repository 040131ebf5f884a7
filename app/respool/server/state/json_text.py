"""JSON of records, also with text that is not valid Unicode: lone surrogates, which JSON can escape."""

import json
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_encode = msgspec.json.Encoder().encode


def encode(record: Any) -> bytes:
    """Return a record as JSON."""
    try:
        return _encode(record)
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(record)).encode()


def decode(text: bytes, type: type[T]) -> T:
    """Return the record in JSON text that `encode` has written."""
    try:
        return msgspec.json.decode(text, type=type)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return msgspec.convert(json.loads(text), type)


def decode_name(name: bytes) -> str:
    """Return a name as it was sent to the store."""
    return name.decode("utf-8", "surrogatepass")
