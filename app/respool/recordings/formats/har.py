"""HAR 1.2, as Chrome, Firefox, Safari, Charles, Proxyman and Polly write it.

Times come from ``_eventSourceMessages``, which Chrome writes for streams that a page reads, and from the
frames of sockets, ``_webSocketMessages``; without them an entry has no times of events.
Source: http://www.softwareishard.com/blog/har-12-spec/
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from respool.errors import Effect, NotARecording, RecordingError
from respool.recordings.formats import exchange, found_streams, moments, plain_answers
from respool.recordings.formats.document import MAX_DOCUMENT, parse_json
from respool.recordings.formats.event_objects import Piece
from respool.recordings.formats.exchange import FoundExchange
from respool.recordings.formats.found_streams import FoundStream
from respool.recordings.formats.turn_builder import OnDamage, TurnBuilder, refuse
from respool.recordings.recording import Recording

SUFFIXES: tuple[str, ...] = ()

_LOG = re.compile(rb'\{\s*"log"\s*:\s*\{')


def sniff(data: bytes) -> bool:
    """Return True if it begins as a HAR does."""
    return (
        bool(_LOG.match(data[:200].removeprefix(b"\xef\xbb\xbf").lstrip())) and b'"entries"' in data[:65536]
    )


def read(data: bytes, name: str, path: str, on_damage: OnDamage = refuse) -> tuple[Recording, ...]:
    """Read the entries that are exchanges of the API; the others are counted."""
    if len(data) > MAX_DOCUMENT:
        raise RecordingError(f"a HAR of {len(data)} bytes, expected at most {MAX_DOCUMENT}", path)
    document = parse_json(data.decode(errors="surrogateescape"), path)
    log = document.value.get("log") if isinstance(document.value, dict) else None
    entries = log.get("entries") if isinstance(log, dict) else None
    if not isinstance(entries, list):
        raise NotARecording('a HAR without "entries"', path)
    found = [one for place, entry in enumerate(entries) for one in _exchange(entry, f"/log/entries/{place}")]
    if not found:
        raise NotARecording(f"a HAR with {len(entries)} entries, none of them of the Responses API", path)
    builder = TurnBuilder(name)
    for one in found:
        exchange.add(one, builder, path, on_damage)
    if len(found) < len(entries):
        what = f"{len(entries) - len(found)} of {len(entries)} entries are none of the Responses API's"
        on_damage(RecordingError(what, path, effect=Effect.SKIPPED))
    return builder.finish()


def _exchange(entry: Any, pointer: str) -> Iterator[FoundExchange]:
    if not isinstance(entry, dict):
        return
    answer = entry.get("response")
    content = answer.get("content") if isinstance(answer, dict) else None
    text = content.get("text") if isinstance(content, dict) else None
    metadata = exchange.metadata([entry, answer])
    metadata["started"] = moments.seconds(entry.get("startedDateTime"))
    of_text = found_streams.find(text) if isinstance(text, str) else None
    frames = entry.get("_webSocketMessages")
    if isinstance(frames, list) and (socket := found_streams.find(frames)) is not None:
        yield FoundExchange(f"{pointer}/_webSocketMessages", socket, **metadata)
        return
    messages = _messages(entry.get("_eventSourceMessages"))
    if messages is not None:
        place = f"{pointer}/_eventSourceMessages"
        if of_text is None:
            yield FoundExchange(place, messages, **metadata)
            return
        if (timed := _with_times(of_text, messages)) is not None:
            yield FoundExchange(f"{pointer}/response/content/text", timed, **metadata)
            return
    if of_text is not None:
        yield FoundExchange(f"{pointer}/response/content/text", of_text, **metadata)
        return
    yield from plain_answers.of_exchange(entry, pointer, [entry])


def _messages(value: Any) -> FoundStream | None:
    """Return the messages that a page received: each with its data, name, and time in seconds since the
    epoch."""
    if not isinstance(value, list):
        return None
    pieces = [
        Piece(one["data"], one.get("eventName") or None, moments.seconds(one.get("time")))
        for one in value
        if isinstance(one, Mapping) and isinstance(one.get("data"), str) and one["data"].startswith("{")
    ]
    events = [found_streams.find(f"data: {piece.text}\n\n") for piece in pieces]
    return FoundStream(pieces=tuple(pieces)) if any(events) else None


def _with_times(text: FoundStream, messages: FoundStream) -> FoundStream | None:
    """Return the text of a stream with the times of its messages; None if they are not the same messages."""
    if text.text is None or len(re.findall(r"^data: ?\{", text.text, re.MULTILINE)) != len(messages.pieces):
        return None
    arrivals, at = [], 0
    for piece in messages.pieces:
        at = text.text.find(piece.text, at)
        if at < 0 or piece.moment is None:
            return None
        at += len(piece.text)
        # The message has arrived with the blank line that ends it.
        arrivals.append((at + 4, piece.moment))
    return FoundStream(text=text.text, arrivals=tuple(arrivals))
