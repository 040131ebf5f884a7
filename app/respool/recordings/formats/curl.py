"""Output of ``curl -i`` and ``curl -v``: the head of an answer, with status and headers, and then the body.

curl's own lines (``* Connected to ...``, ``> POST ...``, ``{ [5 bytes data]``) are skipped.
Several answers may follow each other; interim ones (1xx) and those of a proxy have no body and are no turns.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from respool.errors import Effect, NotARecording, RecordingError
from respool.protocol.events import loads
from respool.recordings.formats import found_streams
from respool.recordings.formats.exchange import headers_of
from respool.recordings.formats.sse import Reader
from respool.recordings.formats.turn_builder import OnDamage, TurnBuilder, refuse
from respool.recordings.recording import FORMAT_VERSION, Header, Recording

SUFFIXES: tuple[str, ...] = ()

_HEAD = re.compile(r"(?P<mark>< ?)?HTTP/[\d.]+ (?P<status>\d{3})(?: |$)")
_CURL_LINE = re.compile(r"[*<>](?: |$)|[{}] \[\d+ bytes data\]|\[\d+ bytes data\]")
_PROGRESS = re.compile(r" *(?:% Total|Dload|\d+ +[\d.]+[kMG]? +\d+)|\$ ?curl |curl ")
_HEADER = re.compile(r"(?:< ?)?([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?(.*)")
_FIELD = re.compile(r"(?:data|event|id|retry):|:")
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,8})(?:;[^\r\n]*)?\r?\n")
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|$)")


def sniff(data: bytes) -> bool:
    """Return True if it begins with curl's own lines, if any, and then the head of an answer or its body."""
    head = data[:65536].removeprefix(b"\xef\xbb\xbf").decode(errors="replace")
    progress_seen = False
    for line in head.splitlines():
        if _HEAD.match(line):
            return True
        if progress_seen and _FIELD.match(line):
            return True
        progress_seen = progress_seen or bool(_PROGRESS.match(line))
        if line.strip() and not _CURL_LINE.match(line) and not _PROGRESS.match(line):
            return False
    return False


@dataclass(slots=True)
class _Answer:
    status: int
    line: int
    headers: dict[str, str] = field(default_factory=dict)
    body: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)


def read(data: bytes, name: str, path: str, on_damage: OnDamage = refuse) -> tuple[Recording, ...]:
    """Read the answers. Of answers without a stream, only errors and Responses of the API become turns."""
    text = data.removeprefix(b"\xef\xbb\xbf").decode(errors="surrogateescape")
    builder = TurnBuilder(name)
    found = 0
    answers = [one for one in _answers(text) if one.status >= 200 and (one.headers or one.body)]
    for answer in answers:
        body = "".join(answer.body)
        chunked = "chunked" in answer.headers.get("transfer-encoding", "") and (unchunked := _unchunked(body))
        body = unchunked if chunked else body
        fields = {
            "respool": FORMAT_VERSION,
            **({"status": answer.status} if answer.status != 200 else {}),
            "headers": headers_of(answer.headers),
        }
        if found_streams.holds_events(body):
            builder.end()
            builder.begin(Header(fields), answer.line)
            Reader(builder, path, on_damage, lines=answer.numbers, places=not chunked).read(body)
            builder.end()
            found += 1
        elif (value := _json(body)) is not None and _is_answer(value, answer.status):
            builder.end()
            builder.begin(Header({**fields, "body": value}), answer.line)
            builder.end()
            found += 1
        elif body.strip():
            cause = "the answer is none of the Responses API's"
            on_damage(RecordingError(cause, path, answer.line, effect=Effect.SKIPPED))
    if not found:
        raise NotARecording("what curl printed, without an answer of the Responses API", path)
    return builder.finish()


def _unchunked(body: str) -> str:
    """Return a body without the sizes of its chunks, as far as there are any; "" if nothing is left."""
    data = body.encode(errors="surrogateescape")
    parts, at = [], 0
    while (size := _CHUNK.match(data, at)) is not None:
        begin = size.end()
        at = begin + int(size[1], 16)
        parts.append(data[begin:at])
        at += 2 if data[at : at + 2] == b"\r\n" else data[at : at + 1] == b"\n"
        if at == begin or at >= len(data):
            break
    return b"".join(parts).decode(errors="surrogateescape")


def _is_answer(value: object, status: int) -> bool:
    if not isinstance(value, dict):
        return False
    return value.get("object") == "response" or (status >= 400 and "error" in value)


def _json(text: str) -> object:
    try:
        return loads(text.strip())
    except ValueError:
        return None


def _answers(text: str) -> Iterator[_Answer]:
    answer: _Answer | None = None
    in_head = False
    verbose = False
    for number, found in enumerate(_LINE.finditer(text), start=1):
        raw = found.group()
        line = raw.rstrip("\r\n")
        if not raw:
            break
        if (head := _HEAD.match(line)) and not (answer is not None and in_head):
            if answer is not None:
                yield answer
            answer = _Answer(int(head["status"]), number)
            in_head = True
            verbose = verbose or bool(head["mark"])
        elif answer is None and _FIELD.match(line):  # an answer without a head, after curl's progress meter
            answer, in_head, verbose = _Answer(200, number), False, True
            answer.body.append(raw)
            answer.numbers.append(number)
        elif answer is None:
            verbose = verbose or bool(_CURL_LINE.match(line))
        elif in_head:
            if line.strip() in ("", "<"):
                in_head = False
            elif header := _HEADER.fullmatch(line):
                known = answer.headers.get(header[1].lower())
                answer.headers[header[1].lower()] = f"{known}, {header[2]}" if known else header[2]
        elif not (verbose and (_CURL_LINE.match(line) or _PROGRESS.match(line))):
            answer.body.append(raw)
            answer.numbers.append(number)
    if answer is not None:
        yield answer
