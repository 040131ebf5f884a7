"""Flows of mitmproxy: dictionaries as tnetstrings, one after the other.

Source: https://tnetstrings.info; mitmproxy writes texts as ``;``. Only a flow's request, its response and
the messages of a WebSocket are read.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from respool.errors import RecordingError
from respool.recordings.formats import container, encodings, found_streams
from respool.recordings.formats.document import MAX_NODES, Document
from respool.recordings.formats.turn_builder import OnDamage, refuse
from respool.recordings.recording import Recording

SUFFIXES: tuple[str, ...] = ()

_BEGINNING = re.compile(rb"\d{2,12}:\d{1,3}:[a-z_]+[;,]")
_MARKS = (b"8:response;", b"7:request;", b"4:type;4:http", b"7:version;")
_LENGTH = re.compile(rb"(\d{1,12}):")
_DEEPEST = 50  # levels; a flow has about five


def sniff(data: bytes) -> bool:
    """Return True if it begins like a flow."""
    return bool(_BEGINNING.match(data)) and any(mark in data[:65536] for mark in _MARKS)


def read(data: bytes, name: str, path: str, on_damage: OnDamage = refuse) -> tuple[Recording, ...]:
    """Read the flows that are exchanges of the API."""
    reader = _Reader(data, path)
    flows = [_exchange(flow) for flow in reader.values() if isinstance(flow, dict)]
    return container.turns(Document(flows, "mitmproxy"), "", name, path, on_damage)


def _exchange(flow: Mapping[str, Any]) -> dict[str, Any]:
    request, response = _part(flow.get("request")), _part(flow.get("response"))
    found: dict[str, Any] = {
        "request": {"url": _text(request.get("path")), "body": _body(request)},
        "response": {
            "status": response.get("status_code"),
            "headers": _headers(response.get("headers")),
            "body": _body(response),
        },
    }
    messages = _part(flow.get("websocket")).get("messages")
    if isinstance(messages, list):
        found["messages"] = [
            {"timestamp": message[3], "data": _text(message[2])}
            for message in messages
            if isinstance(message, list) and len(message) > 3
        ]
    return found


def _body(part: Mapping[str, Any]) -> bytes:
    """Return a body without its content codings: a flow holds the bytes of the wire."""
    content = part.get("content")
    if not isinstance(content, bytes):
        return b""
    names = (value for name, value in _pairs(part.get("headers")) if name.lower() == "content-encoding")
    return encodings.uncoded(content, ",".join(names), found_streams.MAX_BODY)


def _part(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _headers(value: Any) -> list[list[str]]:
    return [list(pair) for pair in _pairs(value)]


def _pairs(value: Any) -> list[tuple[str, str]]:
    pairs = value if isinstance(value, list) else []
    return [(_text(pair[0]), _text(pair[1])) for pair in pairs if isinstance(pair, list) and len(pair) == 2]


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value or "")


class _Reader:
    def __init__(self, data: bytes, path: str) -> None:
        self._data = data
        self._path = path
        self._nodes = 0

    def values(self) -> Iterator[Any]:
        at = 0
        while at < len(self._data):
            value, at = self._value(at, len(self._data), 0)
            yield value

    def _value(self, at: int, end: int, depth: int) -> tuple[Any, int]:
        self._nodes += 1
        found = _LENGTH.match(self._data, at, end)
        start = found.end() if found else end
        stop = start + int(found[1]) if found else end
        if stop >= end or depth > _DEEPEST or self._nodes > MAX_NODES:
            raise RecordingError(f"not the flows of mitmproxy, at byte {at}", self._path)
        kind = self._data[stop : stop + 1]
        try:
            return self._of_kind(kind, start, stop, depth), stop + 1
        except (ValueError, TypeError):
            raise RecordingError(f"not the flows of mitmproxy, at byte {at}", self._path) from None

    def _of_kind(self, kind: bytes, start: int, stop: int, depth: int) -> Any:
        match kind:
            case b"," | b";":
                content = self._data[start:stop]
                return content if kind == b"," else content.decode()
            case b"#":
                return int(self._data[start:stop][:20])
            case b"^":
                return float(self._data[start:stop][:40])
            case b"!":
                return self._data[start:stop] == b"true"
            case b"~":
                return None
            case b"]" | b"}":
                values: list[Any] = []
                while start < stop:
                    value, start = self._value(start, stop, depth + 1)
                    values.append(value)
                if kind == b"]":
                    return values
                return {_text(key): value for key, value in zip(values[::2], values[1::2], strict=True)}
            case _:
                raise ValueError
