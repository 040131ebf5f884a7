"""Captures of mock-openai-api (``.llmcap.jsonl``): one exchange, its bytes in base64 with their times.

Source: the records that the project's recorder writes, schema ``mock-openai-api.capture``.
"""

import binascii
from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import Any

from respool.errors import NotARecording, RecordingError
from respool.protocol.events import loads
from respool.recordings.formats import container
from respool.recordings.formats.document import Document
from respool.recordings.formats.turn_builder import OnDamage, refuse
from respool.recordings.recording import Recording

SUFFIXES: tuple[str, ...] = ()

_MARK = b'"mock-openai-api.capture"'


def sniff(data: bytes) -> bool:
    """Return True if its first line is the header of such a capture."""
    return _MARK in data[:65536].partition(b"\n")[0]


def read(data: bytes, name: str, path: str, on_damage: OnDamage = refuse) -> tuple[Recording, ...]:
    """Read the exchange."""
    header: Mapping[str, Any] = {}
    answer: dict[str, Any] = {}
    request = b""
    chunks: list[list[Any]] = []
    for number, record in _records(data, path):
        match record.get("kind"):
            case "capture":
                header = record
            case "response.head":
                answer = {"status": record.get("status"), "headers": record.get("rawHeaders")}
            case "request.body_chunk" if record.get("scope", "downstream") != "upstream":
                request += _bytes(record, path, number)
            case "response.body_chunk":
                at = record.get("atUs")
                moment = at / 1e6 if isinstance(at, int | float) else None
                chunks.append([moment, _bytes(record, path, number)])
    if not chunks:
        raise NotARecording("a capture of mock-openai-api without an answer", path)
    if any(moment is None for moment, _ in chunks) or chunks[0][1][:2] == b"\x1f\x8b":
        answer["body"] = b"".join(chunk for _, chunk in chunks)
    else:
        answer["chunks"] = chunks
    url = header.get("upstreamUrl") or header.get("downstreamUrl")
    value = {
        "recorded": header.get("createdAt"),
        "request": {"url": url, "body": request},
        "response": {**answer, **_plain_body(chunks)},
    }
    return container.turns(Document(value, "llmcap"), "", name, path, on_damage)


def _plain_body(chunks: list[list[Any]]) -> dict[str, Any]:
    """Return the body of an answer that is no stream."""
    body = b"".join(chunk for _, chunk in chunks)
    return {"body": body} if body.lstrip()[:1] == b"{" else {}


def _records(data: bytes, path: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(data.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            record = loads(line)
        except ValueError:
            raise RecordingError("not JSON, in a capture of mock-openai-api", path, number) from None
        if isinstance(record, dict):
            yield number, record


def _bytes(record: Mapping[str, Any], path: str, number: int) -> bytes:
    try:
        return b64decode(str(record.get("bytesBase64") or ""))
    except (binascii.Error, ValueError):
        raise RecordingError("its bytesBase64 is no base64", path, number) from None
