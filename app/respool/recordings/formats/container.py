"""Any document: JSON, YAML or txtar in which streams of the Responses API stand somewhere.

People have many shapes of their own. A stream may be a text of server-sent events, a list of chunks of it,
either in base64 or gzip, or a list of event objects, in wrappers or not. Each stream found is a turn; the
request, status and headers are those of the nearest object that has some, and the header's ``pointer`` says
where it was found (RFC 6901). Answers that are no stream become turns too, where they answer a request.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from respool.errors import Effect, NotARecording, RecordingError
from respool.protocol.events import compact, loads
from respool.recordings.formats import exchange, streams
from respool.recordings.formats.document import (
    MAX_DOCUMENT,
    MAX_NODES,
    Document,
    begins_as_json,
    could_hold,
    looks_like_json,
    parse_json,
    parse_txtar,
    parse_yaml,
)
from respool.recordings.formats.exchange import REQUEST_KEYS, Exchange
from respool.recordings.formats.turn_builder import OnDamage, TurnBuilder, refuse
from respool.recordings.recording import Recording

SUFFIXES: tuple[str, ...] = ()

_YAML = re.compile(rb"^(?:---|%YAML|[\w\"'$./-]+ ?:(?:\s|$)|- )", re.MULTILINE)
_TXTAR_FILE = re.compile(rb"^-- [^\n]+ --\r?$", re.MULTILINE)
_RESPONSE_KEYS = frozenset(
    "response responses then ResponseBody response_body responseBody httpResponse".split()
    + "chunks events sse stream".split()
)
_URL_KEYS = ("url", "uri", "RequestUri", "path", "requestUrl")
_SHORTEST = 20  # characters of a stream's text: an event has a type
_NOTHING = "no response of the Responses API in it"


def sniff(data: bytes) -> bool:
    """Whether it is a document in which there could be a stream."""
    return looks_like_a_document(data[:65536]) and could_hold(data)


def looks_like_a_document(head: bytes) -> bool:
    """Whether a file that begins so is JSON, YAML or txtar."""
    head = head.lstrip(b"\xef\xbb\xbf \t\r\n\x1e")
    if not head or b"\0" in head:
        return False
    if begins_as_json(head):
        return True
    first = next((line for line in head.split(b"\n") if line.strip() and not line.startswith(b"#")), b"")
    return bool(_YAML.match(first)) or (bool(_TXTAR_FILE.search(head)) and b"```" not in head)


def read(data: bytes, name: str, path: str, on_damage: OnDamage = refuse) -> tuple[Recording, ...]:
    """Read the turns of a document. What is no exchange of the API is passed over, with a count."""
    if len(data) > MAX_DOCUMENT:
        raise RecordingError(f"a document of {len(data)} bytes, expected at most {MAX_DOCUMENT}", path)
    text = data.decode(errors="surrogateescape")
    return turns(parse(text, path), text, name, path, on_damage)


def parse(text: str, path: str) -> Document:
    """Parse a document of any kind. Raises RecordingError."""
    if looks_like_json(text):
        return parse_json(text, path)
    return parse_txtar(text) or parse_yaml(text, path)


def turns(document: Document, text: str, name: str, path: str, on_damage: OnDamage) -> tuple[Recording, ...]:
    """The turns that are found in a document."""
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
    """A walk over a document. What is found below an object with a request answers that request."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._located = document.located or document.kind != "json"
        self._nodes = 0
        self.exchanges = 0
        self.skipped = 0

    def run(self) -> list[Exchange]:
        """All exchanges, in their order. Raises NeedsTexts, and RecordingError for a document without end."""
        value = self._document.value
        found = self._walk(value, "", [])
        if not found and isinstance(value, dict):  # an answer saved by itself, and perhaps what was asked
            found = list(_whole_answer(value))
        if not found and isinstance(value, list) and value and all(_is_response(one) for one in value):
            found = [Exchange(f"/{place}", body=dict(one)) for place, one in enumerate(value)]
        return found

    def _walk(self, value: Any, pointer: str, around: list[Any]) -> list[Exchange]:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise RecordingError(f"more than {MAX_NODES} values, by aliases or by size")
        if isinstance(value, str | bytes | list) and (stream := streams.find(value, self._located)):
            return [Exchange(pointer, stream, **_told(around))]
        if len(around) > 200:
            return []
        if isinstance(value, list):
            return [
                one
                for place, item in enumerate(value)
                if _may_hold(item)
                for one in self._walk(item, f"{pointer}/{place}", [*around, value])
            ]
        if isinstance(value, dict):
            return self._walk_object(value, pointer, around)
        return []

    def _walk_object(self, value: Mapping[Any, Any], pointer: str, around: list[Any]) -> list[Exchange]:
        if streams.is_event(value) and self._document.sequence is False and not pointer:
            return self._walk([value], pointer, around)
        if (pairs := _pairs(value)) is not None:
            return [
                one
                for place, pair in enumerate(pairs)
                for one in self._walk(pair, f"{pointer}/responses/{place}", [*around, value])
            ]
        inside = [*around, value]
        asked = _is_exchange(value)
        found: list[Exchange] = []
        for key, item in value.items():
            if key in REQUEST_KEYS or key in ("Variables", "cookies"):
                continue
            if _may_hold(item):
                place = f"{pointer}/{_escape(str(key))}"
                below = [_with_gaps(value, item, one) for one in self._walk(item, place, inside)]
                # Beside each other, or in one exchange, the same stream may be told in two forms.
                twice = asked or any(one.pointer == place for one in below)
                found += [one for one in below if not (twice and _is_known(one, found))]
        if asked:
            self.exchanges += 1
            if not found:
                found = list(plain_answer(value, pointer, inside))
            self.skipped += not found
        return found


def _may_hold(value: Any) -> bool:
    """Whether there is room for an event in a value."""
    if isinstance(value, str | bytes):
        return len(value) >= _SHORTEST
    return isinstance(value, list | dict) and bool(value)


def _told(around: Sequence[Any]) -> dict[str, Any]:
    return exchange.metadata(around)


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _is_exchange(value: Mapping[Any, Any]) -> bool:
    return any(key in value for key in REQUEST_KEYS) and not _RESPONSE_KEYS.isdisjoint(value)


def _pairs(value: Mapping[Any, Any]) -> list[Any] | None:
    """The exchanges of an object that lists requests and responses beside each other."""
    requests, responses = value.get("requests"), value.get("responses")
    if not isinstance(requests, list) or not isinstance(responses, list) or len(requests) != len(responses):
        return None
    return [{"request": one, "response": other} for one, other in zip(requests, responses, strict=True)]


def _with_gaps(around: Mapping[Any, Any], item: Any, found: Exchange) -> Exchange:
    """What was found, with the time of each chunk where a list beside them tells it, in milliseconds."""
    gaps = around.get("chunkTimings") if isinstance(item, list) else None
    if found.stream is None or not isinstance(gaps, list) or found.stream.arrivals:
        return found
    if not all(type(gap) in (int, float) and gap >= 0 for gap in gaps):
        return found
    return replace(found, stream=streams.with_gaps(found.stream, item, [gap / 1000 for gap in gaps]))


def _is_known(one: Exchange, others: Sequence[Exchange]) -> bool:
    """Whether the same stream was found in the same object already, in another form."""
    if one.stream is None or not others:
        return False
    mine = _signature(one)
    return any(other.stream is not None and _signature(other) == mine for other in others)


def _signature(one: Exchange) -> list[str]:
    builder = TurnBuilder("")
    exchange.add(one, builder, "", lambda damage: None)
    return [compact_of(timed.event.text) for turn in builder.finish() for timed in turn.events]


def compact_of(text: str) -> str:
    """A JSON text without what does not count in it."""
    try:
        return compact(loads(text))
    except ValueError:
        return text


def _is_response(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.get("object") == "response"
        and isinstance(value.get("output"), list)
    )


def _is_error(value: Any) -> bool:
    details = value.get("error") if isinstance(value, dict) else None
    return isinstance(details, dict) and isinstance(details.get("message"), str)


def _whole_answer(value: Mapping[Any, Any]) -> Iterator[Exchange]:
    if _is_response(value):
        yield Exchange("", body=dict(value))
    elif _is_error(value) and value.keys() <= {"error", "status", "request_id", "code"}:
        details = value["error"]
        if "param" in details or "code" in details:
            yield Exchange("", body=dict(value), status=_status_of_error(details))
    else:
        for key in ("response", "body", "data"):
            inner = value.get(key)
            if inner is not None and _is_response(inner):
                yield Exchange(f"/{key}", body=dict(inner), **_told([value]))
                return


_STATUS_OF_CODE = {
    "rate_limit_exceeded": 429, "insufficient_quota": 429, "invalid_api_key": 401, "model_not_found": 404,
    "server_error": 500, "server_is_overloaded": 503,
}  # fmt: skip


def _status_of_error(details: Mapping[str, Any]) -> int:
    for name in (details.get("code"), details.get("type")):
        if str(name) in _STATUS_OF_CODE:
            return _STATUS_OF_CODE[str(name)]
    return 400


def plain_answer(value: Mapping[Any, Any], pointer: str, around: Sequence[Any]) -> Iterator[Exchange]:
    """The answer of an exchange that is no stream: a Response object, or an error."""
    for place, body in _bodies(value, pointer, 6):
        told = _told([*around])
        answer = value.get("response", value.get("then"))
        if isinstance(answer, dict):
            told |= {key: found for key, found in _told([answer]).items() if key != "request"}
        status = told.get("status") or 200
        if _is_response(body) or (_is_error(body) and status >= 400 and _asks_for_responses(value)):
            yield Exchange(place, body=body, **told)
            return


def _bodies(value: Any, pointer: str, depth: int) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if isinstance(value, str):
        if not value.lstrip().startswith("{"):
            return
        try:
            value = loads(value)
        except ValueError:
            return
    if isinstance(value, dict):
        if _is_response(value) or _is_error(value):
            yield pointer, value
        elif depth:
            for key, item in value.items():
                if key not in REQUEST_KEYS:
                    yield from _bodies(item, f"{pointer}/{_escape(str(key))}", depth - 1)


def _asks_for_responses(value: Mapping[Any, Any]) -> bool:
    request = next((value[key] for key in REQUEST_KEYS if key in value), None)
    around = [request, value]
    urls = [str(one.get(key) or "") for one in around if isinstance(one, dict) for key in _URL_KEYS]
    return any(re.search(r"/responses(?:[/?#]|$)", url) for url in urls)
