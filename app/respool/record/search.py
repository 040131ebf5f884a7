"""Search for secrets in texts: in plain text, in the strings of JSON, in JSON within those strings,
percent-encoded, in base64, and cut across the deltas of a stream.

Each match is a place in the unchanged text.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate

from respool.protocol.events import CREATED, loads
from respool.record.headers import REQUEST_HEADERS, is_allowed
from respool.record.json_strings import Decoded, OpenValue, Value, decode, walk
from respool.record.matches import SecretMatch, apart, mapped, moved, touches
from respool.record.percent import PERCENT, percent_decoded
from respool.record.secret_shapes import decode_base64
from respool.record.secrets import OPAQUE, OPAQUE_FIELDS, PLACEHOLDER, RULES, SCHEME, SecretRule, field_rule

_SHORT = 128  # characters; the matches of shorter texts are cached
_MANY = 20_000  # cached texts
MAX_LAYERS = 6  # JSON in a string of JSON, base64 in that, ...

# A line that may be JSON, alone or in a `data:` line of server-sent events.
_JSON_LINE = re.compile(r"^[ \t]*(?:data:[ \t]*)?(?=[{\[])", re.MULTILINE)
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{20,}={0,2}")

# The fields of a delta that identify its text: the place of its part in the answer.
_PLACE = ("output_index", "content_index", "summary_index")


@dataclass(frozen=True, slots=True)
class _Piece:
    """One delta: the index of its text, its decoded value, its path, and the place of its logprobs."""

    source: int
    decoded: Decoded
    path: tuple[str | int, ...]
    logprobs: tuple[int, int] | None


@dataclass(slots=True)
class _Channels:
    """The texts that come in deltas, by response and place.

    `of_items` has them by the ids of their items, since several responses at a time share places. Some
    producers give an item another id in each event, so places are needed, too.
    """

    responses: int = 0
    pieces: dict[tuple[object, ...], list[_Piece]] = field(default_factory=dict)
    of_items: dict[tuple[object, ...], list[_Piece]] = field(default_factory=dict)

    def add(self, piece: _Piece, name: str, place: tuple[object, ...], item: object) -> None:
        """Add a delta to its text."""
        self.pieces.setdefault((self.responses, name, *place), []).append(piece)
        if item is not None:
            self.of_items.setdefault((item, name, *place), []).append(piece)

    @property
    def texts(self) -> Iterator[list[_Piece]]:
        """The deltas of each text."""
        yield from self.pieces.values()
        known = {tuple(map(id, pieces)) for pieces in self.pieces.values()}
        for pieces in self.of_items.values():
            if len(pieces) > 1 and tuple(map(id, pieces)) not in known:
                yield pieces


@dataclass(slots=True)
class Search:
    """A search for secrets. `literals` are known secrets, with the names of their rules; a text that one of
    `allowed` matches as a whole is no secret."""

    rules: Sequence[SecretRule] = RULES
    literals: Mapping[str, str] = field(default_factory=dict)
    pointers: Sequence[tuple[str, ...]] = ()
    hook: Callable[[str], Iterable[str]] | None = None
    allowed: Sequence[re.Pattern[str]] = ()
    _known: dict[tuple[str, str], list[SecretMatch]] = field(default_factory=dict)
    _literals_then: int = 0

    def find(self, texts: Sequence[str]) -> list[list[SecretMatch]]:
        """Return the places of all secrets in each text, in order. Deltas add up across the texts."""
        return self._find(texts, "", 0)

    def _find(self, texts: Sequence[str], key: str, layer: int) -> list[list[SecretMatch]]:
        channels = _Channels()
        found = [list(self._in_text(text, source, channels, key, layer)) for source, text in enumerate(texts)]
        for pieces in channels.texts:
            for source, match in self._in_deltas(pieces, layer):
                found[source].append(match)
        return [apart(matches) for matches in found]

    def _in_text(
        self, text: str, source: int, channels: _Channels, key: str, layer: int
    ) -> Iterator[SecretMatch]:
        if layer >= MAX_LAYERS or not _JSON_LINE.search(text):
            yield from self._in_plain(text, key, layer)
            return
        if (walked := self._in_json(text, 0, len(text), source, channels, layer)) is not None:
            yield from walked
            return
        done = 0
        for line in _JSON_LINE.finditer(text):
            end = text.find("\n", line.end())
            end = len(text) if end < 0 else end
            walked = self._in_json(text, line.end(), end, source, channels, layer)
            if walked is not None:
                yield from moved(self._in_plain(text[done : line.end()], key, layer), done)
                yield from walked
                done = end
        yield from moved(self._in_plain(text[done:], key, layer), done)

    def _in_json(
        self, text: str, start: int, end: int, source: int, channels: _Channels, layer: int
    ) -> list[SecretMatch] | None:
        """Return the matches in a JSON object or array; None if the text is none."""
        inside = text[start:end].strip()
        if inside[:1] + inside[-1:] not in ("{}", "[]"):
            return None
        found: list[SecretMatch] = []

        def closed(frame: OpenValue, at: int) -> None:
            if self._named(frame.path):
                raw = text[frame.start : at]
                found.append(SecretMatch(frame.start, at, "pointer", raw, path=frame.path, is_string=False))
            delta = self._delta(text, frame, source, channels)
            name = frame.members.get("name")
            for value in frame.values:
                if value is delta:
                    continue
                key = value.key
                if key == "value" and name is not None and name.is_string:  # a header in a HAR file
                    key = text[name.start : name.end]
                matches = self._in_value(text, value, key, layer)
                found.extend(matches)
                if matches and value is frame.members.get("text") and "logprobs" in frame.containers:
                    found.append(_emptied(text, frame.containers["logprobs"], value.path))

        try:
            loads(inside)
            walk(text, start, end, closed)
        except ValueError:
            return None
        return found

    def _delta(self, text: str, frame: OpenValue, source: int, channels: _Channels) -> Value | None:
        """Add the delta of an event, if any, to the channels, and return it."""
        type_, delta = frame.members.get("type"), frame.members.get("delta")
        if type_ is None:
            return None
        name = text[type_.start : type_.end]
        if name == CREATED:
            channels.responses += 1
        if delta is None or not delta.is_string or not name.endswith("delta"):
            return None
        members = [frame.members.get(name) for name in _PLACE]
        place: tuple[object, ...] = tuple(one and text[one.start : one.end] for one in members)
        item = frame.members.get("item_id")
        item_id = item and text[item.start : item.end]
        if members[0] is None and item_id:
            place = (item_id,)
        piece = _Piece(
            source, decode(text, delta.start, delta.end), delta.path, frame.containers.get("logprobs")
        )
        channels.add(piece, name, place, item_id)
        return delta

    def _in_deltas(self, pieces: Sequence[_Piece], layer: int) -> Iterator[tuple[int, SecretMatch]]:
        """Yield the parts of secrets in joined deltas, each with the index of its text."""
        joined = "".join(piece.decoded.text for piece in pieces)
        ends = list(accumulate(len(piece.decoded.text) for piece in pieces))
        emptied: set[int] = set()
        for match in self._find([joined], "", layer + 1)[0]:
            length, share = match.end - match.start, match.hi - match.lo
            at = match.start
            number = bisect_right(ends, at)
            while at < match.end:
                piece, upto = pieces[number], min(match.end, ends[number])
                if upto > at:
                    begin = ends[number] - len(piece.decoded.text)
                    part = replace(
                        match,
                        start=piece.decoded.starts[at - begin],
                        end=piece.decoded.ends[upto - 1 - begin],
                        lo=match.lo + (at - match.start) / length * share,
                        hi=match.lo + (upto - match.start) / length * share,
                        path=piece.path,
                    )
                    yield piece.source, part
                    if piece.logprobs and number not in emptied:
                        emptied.add(number)
                        yield piece.source, SecretMatch(*piece.logprobs, "logprobs", "", instead="[]")
                    at = upto
                number += 1

    def _in_value(self, text: str, value: Value, key: str, layer: int) -> list[SecretMatch]:
        """Return the matches in one string of JSON text; of other values, only those that a pointer names."""
        raw = text[value.start : value.end]
        if not value.is_key and self._named(value.path) and raw and not PLACEHOLDER.fullmatch(raw):
            secret = decode(text, value.start, value.end).text if value.is_string else raw
            return [
                SecretMatch(
                    value.start, value.end, "pointer", secret, path=value.path, is_string=value.is_string
                )
            ]
        if not value.is_string or key in OPAQUE_FIELDS or len(raw) < 4:
            return []
        decoded = decode(text, value.start, value.end)
        found = self._find([decoded.text], "" if value.is_key else key, layer + 1)[0]
        if not found and _is_credential(value) and not PLACEHOLDER.search(raw):
            found = [SecretMatch(0, len(decoded.text), "named-secret", decoded.text)]
        return [replace(match, path=value.path) for match in mapped(found, decoded)]

    def _named(self, path: tuple[str | int, ...]) -> bool:
        return any(
            len(pointer) == len(path)
            and all(part in ("*", str(own)) for part, own in zip(pointer, path, strict=True))
            for pointer in self.pointers
        )

    def _in_plain(self, text: str, key: str, layer: int) -> list[SecretMatch]:
        """Return the matches in a text that is no JSON; `key` is the name of its field."""
        if len(text) > _SHORT:
            return self._newly_in_plain(text, key, layer)
        # Types, ids and names are the same in many events.
        if self._literals_then != len(self.literals) or len(self._known) >= _MANY:
            self._known.clear()
            self._literals_then = len(self.literals)
        if (found := self._known.get((text, key))) is None:
            found = self._known[text, key] = self._newly_in_plain(text, key, layer)
        return found

    def _newly_in_plain(self, text: str, key: str, layer: int) -> list[SecretMatch]:
        shields = [found.span() for found in PLACEHOLDER.finditer(text)]
        opaque = [found.span() for found in OPAQUE.finditer(text)]
        found = [
            match
            for match in self._candidates(text, key)
            if not touches(match, shields, inside=True) and not touches(match, opaque, inside=False)
        ]
        if layer < MAX_LAYERS:
            found += self._in_percent(text, layer)
            found += self._in_base64(text, opaque, layer)
        return apart(found)

    def _candidates(self, text: str, key: str) -> Iterator[SecretMatch]:
        lowered = text.lower()
        for rule in self.rules:
            if rule.hints and not any(hint in lowered for hint in rule.hints):
                continue
            for found in rule.pattern.finditer(text):
                secret = found[rule.group] or ""
                if rule.name != "user":
                    secret = secret.rstrip(".,;:")  # of the sentence around it
                if secret and rule.accept(_without_placeholders(secret)) and not self._is_allowed(secret):
                    start = found.start(rule.group)
                    yield SecretMatch(start, start + len(secret), rule.name, secret)
        if key and (by_name := field_rule(key)) is not None:
            name, accept = by_name
            scheme = SCHEME.match(text)
            start = scheme.end() if scheme else 0
            if accept(_without_placeholders(text[start:])) and not self._is_allowed(text[start:]):
                yield SecretMatch(start, len(text), name, text[start:])
        known = dict(self.literals)
        if self.hook is not None:
            known |= {secret: "hook" for secret in self.hook(text) if secret}
        for secret, name in known.items():
            at = text.find(secret)
            while at >= 0:
                yield SecretMatch(at, at + len(secret), name, secret)
                at = text.find(secret, at + len(secret))

    def _is_allowed(self, secret: str) -> bool:
        return any(pattern.fullmatch(secret) for pattern in self.allowed)

    def _in_percent(self, text: str, layer: int) -> list[SecretMatch]:
        if "%" not in text or not PERCENT.search(text):
            return []
        decoded = percent_decoded(text)
        if decoded.text == text:
            return []
        return list(mapped(self._in_plain(decoded.text, "", layer + 1), decoded))

    def _in_base64(self, text: str, opaque: Sequence[tuple[int, int]], layer: int) -> Iterator[SecretMatch]:
        for run in _BASE64.finditer(text):
            inner = decode_base64(run.group())
            if inner is None or touches(SecretMatch(*run.span(), "", ""), opaque, inside=False):
                continue
            if inside := self._find([inner], "", layer + 1)[0]:
                rule = inside[0].rule
                yield SecretMatch(*run.span(), rule, run.group(), encoded=inner, inside=tuple(inside))


def _is_credential(value: Value) -> bool:
    """Return True if the Responses API has a secret of the user at this place of a request.

    Source: ``tools[].headers`` of an MCP tool, ``domain_secrets[].value`` of a container's network policy.
    """
    path = value.path
    if value.is_key or len(path) < 2:
        return False
    if path[-2] == "headers" and "tools" in path:
        return not is_allowed(str(path[-1]), REQUEST_HEADERS)
    return path[-1] == "value" and "domain_secrets" in path


def _emptied(text: str, span: tuple[int, int], path: tuple[str | int, ...]) -> SecretMatch:
    """Empty the tokens of a text and their probabilities: the tokens repeat the text."""
    return SecretMatch(*span, "logprobs", "", path=path, instead="[]")


def _without_placeholders(secret: str) -> str:
    return PLACEHOLDER.sub("", secret)
