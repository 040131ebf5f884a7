"""Traces of Go's httprr: raw HTTP requests and answers, each with its length.

Source: golang.org/x/oscar/internal/httprr. A first line, then for each exchange a line with two lengths.
"""

import re
from collections.abc import Iterator
from typing import Any

from respool.errors import RecordingError
from respool.recordings.formats import container
from respool.recordings.formats.document import Document
from respool.recordings.formats.turn_builder import OnDamage, refuse
from respool.recordings.recording import Recording

SUFFIXES: tuple[str, ...] = ()

_FIRST = re.compile(rb"httprr trace v\d+\r?\n")
_LENGTHS = re.compile(rb"(\d{1,12}) (\d{1,12})\r?\n")
_HEAD = re.compile(rb"\r?\n\r?\n")
_STATUS = re.compile(r"HTTP/[\d.]+ (\d{3})")


def sniff(data: bytes) -> bool:
    """Return True if it begins like a trace."""
    return bool(_FIRST.match(data))


def read(data: bytes, name: str, path: str, on_damage: OnDamage = refuse) -> tuple[Recording, ...]:
    """Read the exchanges of the API."""
    return container.turns(Document(list(_exchanges(data, path)), "httprr"), "", name, path, on_damage)


def _exchanges(data: bytes, path: str) -> Iterator[dict[str, Any]]:
    first = _FIRST.match(data)
    at = first.end() if first else 0
    while at < len(data):
        found = _LENGTHS.match(data, at)
        if found is None:
            line = data.count(b"\n", 0, at) + 1
            raise RecordingError("expected the lengths of a request and its answer", path, line)
        middle = found.end() + int(found[1])
        at = middle + int(found[2])
        if at > len(data):
            line = data.count(b"\n", 0, found.start()) + 1
            raise RecordingError("the trace ends within this exchange", path, line)
        start, headers, body = _message(data[found.end() : middle])
        words = start.split()
        answer, answer_headers, content = _message(data[middle:at])
        status = _STATUS.match(answer)
        yield {
            "request": {"url": words[1] if len(words) > 1 else "", "headers": headers, "body": body},
            "response": {
                "status": int(status[1]) if status else None,
                "headers": answer_headers,
                "body": content,
            },
        }


def _message(data: bytes) -> tuple[str, dict[str, str], bytes]:
    """Return the first line, the headers and the body of an HTTP message."""
    head, *rest = _HEAD.split(data, maxsplit=1)
    first, *lines = head.decode("latin-1").splitlines() or [""]
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    body = rest[0] if rest else b""
    if headers.get("transfer-encoding") == "chunked":
        body = _unchunked(body)
    return first, headers, body


def _unchunked(body: bytes) -> bytes:
    parts = []
    at = 0
    while found := re.compile(rb"([0-9a-fA-F]{1,8})[^\r\n]*\r\n").match(body, at):
        size = int(found[1], 16)
        if not size:
            break
        parts.append(body[found.end() : found.end() + size])
        at = found.end() + size + 2
    return b"".join(parts) or body
