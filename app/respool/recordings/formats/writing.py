"""Writing of recordings in the formats of other tools; reading them gives the same event texts.

Raw SSE keeps neither times nor headers, a vcrpy cassette no times.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from respool.errors import RecordingError
from respool.protocol.events import compact_recorded
from respool.protocol.sse import DONE, encode
from respool.recordings.formats import jsonl, moments
from respool.recordings.recording import Recording, Verbatim, wire_bytes

_URL = "https://api.openai.com/v1/responses"


def wire(recording: Recording) -> bytes:
    """Return the body of an answer as it is sent."""
    if recording.plain:
        body = recording.header.body
        return body.encode() if isinstance(body, str) else compact_recorded(body).encode()
    frames = []
    for entry in recording.entries:
        if isinstance(entry, Verbatim):
            frames.append(wire_bytes(entry.text))
        elif entry.frame is not None:
            frames.append(wire_bytes(entry.frame))
        else:
            frames.append(encode(entry.event.text, entry.event.type))
    return b"".join([*frames, encode(DONE) if recording.header.done else b""])


def write_sse(recordings: Sequence[Recording]) -> bytes:
    """Return raw server-sent events, turn after turn. Raise RecordingError for an answer without a stream."""
    for recording in recordings:
        if recording.plain:
            raise RecordingError(
                f"{recording.name} is no stream: raw SSE cannot hold it; expected another format"
            )
    return b"".join(map(wire, recordings))


def write_native(recordings: Sequence[Recording]) -> bytes:
    """Return the native format, which keeps everything."""
    return jsonl.write(recordings).encode()


def write_har(recordings: Sequence[Recording]) -> bytes:
    """Return a HAR with an entry for each turn; its events with their times where all of them are known."""
    log = {
        "version": "1.2",
        "creator": {"name": "Respool", "version": "1"},
        "entries": list(map(_entry, recordings)),
    }
    return (json.dumps({"log": log}, indent=1) + "\n").encode()


def _entry(recording: Recording) -> dict[str, Any]:
    header = recording.header
    recorded = header.fields.get("recorded")
    known = moments.seconds(recorded) if isinstance(recorded, str) else None
    started = 0.0 if known is None else known
    headers = _headers(recording)
    entry: dict[str, Any] = {
        "startedDateTime": datetime.fromtimestamp(started, UTC).isoformat(),
        "time": 0,
        "request": {
            "method": "POST",
            "url": _URL,
            "headers": [],
            "postData": {"mimeType": "application/json", "text": compact_recorded(dict(header.request))},
        },
        "response": {
            "status": header.status,
            "headers": [{"name": name, "value": value} for name, value in headers.items()],
            "content": {
                "mimeType": _kind(recording),
                "text": wire(recording).decode(errors="surrogateescape"),
            },
        },
    }
    gaps = [timed.gap for timed in recording.events]
    if gaps and all(gap is not None for gap in gaps):
        entry["_eventSourceMessages"] = _messages(recording, started)
    return entry


def _messages(recording: Recording, started: float) -> list[dict[str, Any]]:
    messages, at = [], started
    for timed in recording.events:
        at = round(at + (timed.gap or 0.0), 6)
        data = timed.event.text
        messages.append({"time": at, "eventName": timed.event.type, "eventId": "", "data": data})
    return messages


def write_vcrpy(recordings: Sequence[Recording]) -> bytes:
    """Return a cassette of vcrpy with an interaction for each turn."""
    import yaml

    interactions = [
        {
            "request": {
                "body": compact_recorded(dict(one.header.request)),
                "headers": {},
                "method": "POST",
                "uri": _URL,
            },
            "response": {
                "body": {"string": _text(wire(one))},
                "headers": {
                    name: [value]
                    for name, value in {"content-type": _kind(one), **one.header.headers}.items()
                },
                "status": {"code": one.header.status, "message": ""},
            },
        }
        for one in recordings
    ]
    cassette = {"interactions": interactions, "version": 1}
    return yaml.safe_dump(cassette, sort_keys=False, allow_unicode=False).encode()


def _text(body: bytes) -> str | bytes:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return body
    return text


def _headers(recording: Recording) -> dict[str, str]:
    return {"content-type": _kind(recording), **recording.header.headers}


def _kind(recording: Recording) -> str:
    return "application/json" if recording.plain else "text/event-stream"


# The formats to convert to, with their writers.
WRITERS: Mapping[str, Callable[[Sequence[Recording]], bytes]] = {
    "native": write_native,
    "sse": write_sse,
    "har": write_har,
    "vcrpy": write_vcrpy,
}
_SUFFIXES = {  # the first that fits counts
    ".script.yaml": "script",
    ".script.yml": "script",
    ".jsonl": "native",
    ".ndjson": "native",
    ".sse": "sse",
    ".har": "har",
    ".yaml": "vcrpy",
    ".yml": "vcrpy",
}


def format_of(path: str) -> str | None:
    """Return the format for a file's name."""
    return next((name for suffix, name in _SUFFIXES.items() if path.lower().endswith(suffix)), None)
