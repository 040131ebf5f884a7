"""Any document (JSON, YAML, TOML or txtar) with streams of the Responses API somewhere in it.

A stream may be a text of server-sent events, a list of chunks of it,
either in base64 or gzip, or a list of event objects, in wrappers or not. Each stream found is a turn; the
request, status and headers are those of the nearest enclosing object that has some, and the header's
``pointer`` (RFC 6901) is its place. Answers that are no stream become turns too, where they answer a request.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from respool.errors import Effect, NotARecording, RecordingError
from respool.recordings.formats import (
    encodings,
    event_objects,
    exchange,
    plain_answers,
    same_streams,
)
from respool.recordings.formats import (
    found_streams as streams,
)
from respool.recordings.formats.document import (
    MAX_DOCUMENT,
    MAX_NODES,
    Document,
    begins_as_json,
    begins_as_toml,
    could_hold,
    escape,
    looks_like_json,
    parse_csv,
    parse_json,
    parse_toml,
    parse_txtar,
    parse_yaml,
)
from respool.recordings.formats.exchange import REQUEST_KEYS, FoundExchange
from respool.recordings.formats.turn_builder import OnDamage, TurnBuilder, refuse
from respool.recordings.recording import Recording

SUFFIXES: tuple[str, ...] = ()

_YAML = re.compile(rb"^(?:---|%YAML|[\w\"'$./-]+ ?:(?:\s|$)|- )", re.MULTILINE)
_CSV = re.compile(
    rb'^[^\n{\[:]+,[^\n{\[:]+\r?\n(?:[^\n{]*,)?"\{""'
)  # a row with JSON in it, below a row of names
_TXTAR_FILE = re.compile(rb"^-- [^\n]+ --\r?$", re.MULTILINE)
_RESPONSE_KEYS = frozenset(
    "response responses then ResponseBody response_body responseBody httpResponse".split()
    + "chunks events sse stream".split()
)
_SHORTEST = 20  # characters of a stream's text: an event has a type
_NOTHING = "no response of the Responses API in it"


def sniff(data: bytes) -> bool:
    """Return True if it is a document that may hold a stream."""
    return looks_like_a_document(data[:65536]) and could_hold(data)


def looks_like_a_document(head: bytes) -> bool:
    """Return True if a file that begins so is JSON, YAML, TOML, CSV or txtar."""
    head = head.lstrip(b"\xef\xbb\xbf \t\r\n\x1e")
    if not head or b"\0" in head:
        return False
    if begins_as_json(head) or _CSV.search(head) or begins_as_toml(head.decode(errors="replace")):
        return True
    first = next((line for line in head.split(b"\n") if line.strip() and not line.startswith(b"#")), b"")
    return bool(_YAML.match(first)) or (bool(_TXTAR_FILE.search(head)) and b"```" not in head)


def read(data: bytes, name: str, path: str, on_damage: OnDamage = refuse) -> tuple[Recording, ...]:
    """Read the turns of a document. Skip exchanges of other APIs, and report their number."""
    if len(data) > MAX_DOCUMENT:
        raise RecordingError(f"a document of {len(data)} bytes, expected at most {MAX_DOCUMENT}", path)
    text = data.decode(errors="surrogateescape")
    return turns(parse(text, path), text, name, path, on_damage)


def parse(text: str, path: str) -> Document:
    """Parse a document of any kind. Raise RecordingError."""
    if looks_like_json(text):
        return parse_json(text, path)
    if _CSV.search(text[:65536].encode(errors="replace")):
        return parse_csv(text, path)
    if begins_as_toml(text):
        return parse_toml(text, path)
    return parse_txtar(text) or parse_yaml(text, path)


def turns(document: Document, text: str, name: str, path: str, on_damage: OnDamage) -> tuple[Recording, ...]:
    """Return the turns in a document."""
    try:
        search = _Search(document)
        found = search.run()
    except streams.NeedsTexts:
        search = _Search(parse_json(text, path, located=True))
        found = search.run()
    if not found:
        raise NotARecording(_NOTHING, path)
    builder = TurnBuilder(name)
    only = len(found) == 1 and found[0].pointer == ""
    for one in found:
        exchange.add(one, builder, path, on_damage, only=only)
    if search.skipped:
        what = f"{search.skipped} of {search.exchanges} exchanges are none of the Responses API's"
        on_damage(RecordingError(what, path, effect=Effect.SKIPPED))
    return builder.finish()


class _Search:
    """A walk over a document. A stream below an object with a request answers that request."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._located = document.located or document.kind != "json"
        self._nodes = 0
        self.exchanges = 0
        self.skipped = 0

    def run(self) -> list[FoundExchange]:
        """Return all exchanges, in their order. Raise NeedsTexts, and RecordingError for an endless
        document."""
        value = self._document.value
        found = self._walk(value, "", [], bound=False)
        if not found and isinstance(value, dict):  # a saved answer, perhaps with its request
            found = list(plain_answers.single_answer(value))
        if (
            not found
            and isinstance(value, list)
            and value
            and all(plain_answers.is_response(one) for one in value)
        ):
            found = [FoundExchange(f"/{place}", body=dict(one)) for place, one in enumerate(value)]
        return found or list(plain_answers.anywhere(value))

    def _walk(self, value: Any, pointer: str, around: list[Any], *, bound: bool) -> list[FoundExchange]:
        """Return the exchanges in a value. With `bound`, all of them are one exchange."""
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise RecordingError(f"more than {MAX_NODES} values, by aliases or by size")
        if isinstance(value, str | bytes | list) and (stream := streams.find(value, self._located)):
            return [FoundExchange(pointer, stream, **exchange.metadata(around))]
        if isinstance(value, str | bytes) and (codings := exchange.codings_of(around)):
            packed = value if isinstance(value, bytes) else streams.unpack(value) or b""
            body = encodings.uncoded(packed, codings, streams.MAX_BODY)
            if body != packed and (stream := streams.find(body, self._located)):
                return [FoundExchange(pointer, stream, **exchange.metadata(around))]
        if len(around) > 200:
            return []
        if isinstance(value, list):
            return [
                one
                for place, item in enumerate(value)
                if _may_hold(item)
                for one in self._walk(item, f"{pointer}/{place}", [*around, value], bound=False)
            ]
        if isinstance(value, dict):
            return self._walk_object(value, pointer, around, bound)
        return []

    def _walk_object(
        self, value: Mapping[Any, Any], pointer: str, around: list[Any], bound: bool
    ) -> list[FoundExchange]:
        if event_objects.is_event(value) and self._document.sequence is False and not pointer:
            return self._walk([value], pointer, around, bound=False)
        if (pairs := _pairs(value)) is not None:
            return [
                one
                for place, pair in enumerate(pairs)
                for one in self._walk(pair, f"{pointer}/responses/{place}", [*around, value], bound=False)
            ]
        if isinstance(client := value.get("client"), list) and isinstance(value.get("server"), list):
            frames = [*client, *value["server"]]  # of a socket, by their senders
            if stream := streams.find(frames, self._located):
                return [FoundExchange(pointer, stream, **exchange.metadata([*around, value]))]
        if len(value) > 1 and all(map(event_objects.is_event, value.values())):
            return self._walk([*value.values()], pointer, around, bound=bound)
        inside = [*around, value]
        is_exchange = _is_exchange(value)
        found: list[FoundExchange] = []
        known = same_streams.KnownStreams(one_exchange=is_exchange or bound)
        for key, item in value.items():
            if key in REQUEST_KEYS or key in ("Variables", "cookies"):
                continue
            if _may_hold(item):
                place = f"{pointer}/{escape(str(key))}"
                below = self._walk(item, place, inside, bound=is_exchange or bound)
                below = [_with_gaps(value, item, one) for one in below]
                form = None if self._document.kind == "txtar" and not pointer else type(item).__name__
                comparable = [one for one in below if form and (is_exchange or one.pointer == place)]
                twice = known.all_of(comparable, str(form))
                found += [one for one in below if not any(one is other for other in twice)]
        if is_exchange:
            self.exchanges += 1
            if not found:
                found = list(plain_answers.of_exchange(value, pointer, inside))
            self.skipped += not found
            found = [replace(one, settled=True) for one in found]
        return found


def _may_hold(value: Any) -> bool:
    """Return True if there is room for an event in a value."""
    if isinstance(value, str | bytes):
        return len(value) >= _SHORTEST
    return isinstance(value, list | dict) and bool(value)


def _is_exchange(value: Mapping[Any, Any]) -> bool:
    return any(key in value for key in REQUEST_KEYS) and not _RESPONSE_KEYS.isdisjoint(value)


def _pairs(value: Mapping[Any, Any]) -> list[Any] | None:
    """Return the exchanges of an object that lists requests and responses beside each other."""
    requests, responses = value.get("requests"), value.get("responses")
    if not isinstance(requests, list) or not isinstance(responses, list) or len(requests) != len(responses):
        return None
    return [{"request": one, "response": other} for one, other in zip(requests, responses, strict=True)]


def _with_gaps(around: Mapping[Any, Any], item: Any, found: FoundExchange) -> FoundExchange:
    """Return the found stream with the time of each chunk, where a list beside them has it in
    milliseconds."""
    gaps = around.get("chunkTimings") if isinstance(item, list) else None
    if found.stream is None or not isinstance(gaps, list) or found.stream.arrivals:
        return found
    if not all(type(gap) in (int, float) and gap >= 0 for gap in gaps):
        return found
    return replace(found, stream=streams.with_gaps(found.stream, item, [gap / 1000 for gap in gaps]))
