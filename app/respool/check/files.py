"""Checks of files, folders, text and live servers, each with its report."""

import http.client
import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from respool import __version__
from respool.check import age, socket_lanes
from respool.check.findings import Finding, Level
from respool.errors import Effect, NotARecording, PathError, RecordingError, RespoolError
from respool.protocol import sse
from respool.protocol.events import Event
from respool.recordings import formats
from respool.recordings.recording import Recording
from respool.recordings.source_files import MAX_FILE_SIZE, NO_RECORDING, PassedOver, files_below, why_not

DAMAGED = "RS001"
SKIPPED = "RS004"
NO_NUMBER = "RS005"

_NO_NUMBER = re.compile(r'"(?:[^"\\]|\\.)*"|(-?Infinity|NaN)', re.DOTALL)
EVENT_NAME_DIFFERS = "RS002"
NO_EVENT_NAME = "RS003"

# Limits for a live server: seconds for its whole stream, and bytes read of it.
TIMEOUT = 120.0
MAX_STREAM = 256 * 1024 * 1024
_READ = 65536  # bytes read at once


@dataclass(frozen=True, slots=True)
class Located:
    """A finding and its place: a file's path or a URL, and in it the line, column and turn."""

    finding: Finding
    path: str
    line: int | None = None
    column: int | None = None
    turn: int = 1

    @property
    def place(self) -> str:
        """``path:line:column``, without the unknown parts."""
        return ":".join(str(part) for part in (self.path, self.line, self.column) if part is not None)


@dataclass(slots=True)
class FileReport:
    """The findings about one source."""

    path: str
    streams: int = 0
    events: int = 0
    findings: list[Located] = field(default_factory=list)
    no_recording: bool = False  # True: the file has no stream of the Responses API

    def count(self, level: Level) -> int:
        """Return how many findings have this level."""
        return sum(located.finding.level == level for located in self.findings)


def find(paths: Iterable[Path], on_closed: Callable[[str, OSError], None] | None = None) -> list[Path]:
    """Return the files to check: the named ones, and those below named folders. `on_closed` is called for a
    folder that cannot be read. Raise PathError."""
    found: dict[Path, None] = {}
    for path in paths:
        if not path.exists():
            raise PathError(f"{path}: no such file or folder")
        found.update(dict.fromkeys(map(Path, files_below(str(path), on_closed))))
    return list(found)


def check_file(
    path: Path,
    *,
    named: bool,
    schema: bool = False,
    max_age: float | None = None,
    passed_over: list[PassedOver] | None = None,
) -> FileReport | None:
    """Check a file. If it cannot be read, that is a finding.

    A file in a folder (not `named` itself) that is no recording is added to `passed_over`; then return None.
    """
    try:
        size = path.stat().st_size
        too_large = f"{size} bytes, expected at most {MAX_FILE_SIZE}" if size > MAX_FILE_SIZE else None
        why = None
        if not named:
            why = too_large if formats.by_suffix(str(path)) is None else None
            why = why or why_not(str(path))
        if why is None and too_large:
            raise OSError(None, too_large)
        data = b"" if why is not None else path.read_bytes()
    except OSError as error:
        return unreadable(str(path), error)
    if why is None and not named and formats.sniff(data, str(path)) is None:
        why = formats.foreign.name_of(data[: formats.encodings.HEAD], str(path)) or NO_RECORDING
    if why is None:
        report = check_data(data, str(path), schema=schema, max_age=max_age)
        if named or not report.no_recording or formats.by_suffix(str(path)) is not None:
            return report
        why = next((one.finding.message for one in report.findings), NO_RECORDING)
    if passed_over is not None:
        passed_over.append(PassedOver(str(path), why))
    return None


def unreadable(path: str, error: OSError) -> FileReport:
    """Return the report on a file that cannot be read."""
    report = FileReport(path)
    problem = f"cannot be read: {(error.strerror or str(error)).lower()}"
    report.findings = [Located(Finding(DAMAGED, Level.ERROR, problem), path)]
    return report


def check_data(
    data: bytes,
    path: str,
    *,
    schema: bool = False,
    format: str | None = None,
    max_age: float | None = None,
) -> FileReport:
    """Check the content of a recording, in any format that Respool reads, or in `format`.

    With `max_age`, in seconds, an older recording is an error.
    """
    report = FileReport(path)
    damages: list[RecordingError] = []
    turns: tuple[Recording, ...] = ()
    try:
        if format is None:
            turns = formats.read(data, path, path, damages.append)
        else:
            turns = formats.FORMATS[format].read(data, path, path, damages.append)
    except RecordingError as error:
        report.no_recording = isinstance(error, NotARecording) or not formats.shows_a_stream(data, path)
        damages.append(error)
    report.findings = [
        Located(
            Finding(SKIPPED, Level.INFO, damage.cause)
            if damage.effect is Effect.SKIPPED
            else Finding(DAMAGED, Level.ERROR, damage.cause),
            path,
            damage.line,
            damage.column,
        )
        for damage in damages
    ]
    with suppress(RecordingError):  # already reported as damage
        data = formats.encodings.plain(data)
        if (format or formats.sniff(data, path)) == "sse":
            report.findings += _check_event_names(data, path)
    for number, turn in enumerate(turns, start=1):
        _check_turn(report, turn, number, schema)
        report.findings += _no_numbers(turn, number, data, path)
    if max_age is not None:
        aged = age.too_old(turns, max_age, time.time())
        report.findings += [Located(finding, path, turn=number) for number, finding in aged]
    report.findings.sort(key=lambda located: (located.line or 0, located.column or 0))
    return report


def check_url(
    url: str,
    body: Mapping[str, object],
    headers: Mapping[str, str],
    *,
    schema: bool = False,
    timeout: float = TIMEOUT,
) -> FileReport:
    """Request a stream from a live server, and check it, also if it is cut.

    `url` is that of ``POST /v1/responses``, or the base URL above it; `timeout`, in seconds, is for the whole
    stream. Raise RespoolError if there is no stream, or if it does not end.
    """
    if not url.rstrip("/").endswith("/responses"):
        url = f"{url.rstrip('/')}/responses"
    request = urllib.request.Request(
        url,
        json.dumps({"stream": True, **body}).encode(),
        {"content-type": "application/json", "user-agent": f"respool/{__version__}", **headers},
    )
    try:
        end = time.monotonic() + timeout
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            kind = answer.headers.get_content_type()
            data = _read(answer, url, end)
    except urllib.error.HTTPError as error:
        with suppress(OSError, http.client.HTTPException):
            raise RespoolError(f"{url}: status {error.code}: {_error_message(error.read(_READ))}") from None
        raise RespoolError(f"{url}: status {error.code}") from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise RespoolError(f"{url}: {getattr(error, 'reason', None) or str(error) or 'no answer'}") from None
    if kind != "text/event-stream":
        raise RespoolError(f"{url}: content type {kind}, expected text/event-stream: {_error_message(data)}")
    return check_data(data, url, schema=schema, format="sse")


def _read(answer: http.client.HTTPResponse, url: str, end: float) -> bytes:
    """Read a stream to its end or its cut. Raise RespoolError if it is too long."""
    data = bytearray()
    try:
        while part := answer.read1(_READ):
            data += part
            if len(data) > MAX_STREAM:
                raise RespoolError(f"{url}: the stream has over {MAX_STREAM} bytes, and was read no further")
            if time.monotonic() > end:
                raise RespoolError(f"{url}: the stream has not ended in time, after {len(data)} bytes")
    except TimeoutError:
        raise RespoolError(f"{url}: no more came in time, after {len(data)} bytes") from None
    except http.client.IncompleteRead as error:  # cut: the checks find what is missing
        data += error.partial
    except (OSError, http.client.HTTPException):
        pass
    return bytes(data)


def _error_message(body: bytes) -> str:
    """Return the message of an error's body, on one short line."""
    text = body.decode(errors="replace")
    with suppress(ValueError, LookupError, TypeError):
        text = json.loads(text)["error"]["message"]
    return " ".join(text.split())[:200]


def _check_turn(report: FileReport, turn: Recording, number: int, schema: bool) -> None:
    events: Sequence[Event] = [timed.event for timed in turn.events]
    report.streams += 1
    report.events += len(events)
    if turn.plain:
        return
    findings = socket_lanes.check(events)
    if schema:
        from respool.check.schema import validate

        findings = [*findings, *validate(events)]
    for finding in findings:
        place = len(events) - 1 if finding.event is None else finding.event
        report.findings.append(Located(finding, report.path, turn.events[place].line, turn=number))


def _no_numbers(turn: Recording, number: int, data: bytes, path: str) -> Iterator[Located]:
    """Yield a finding for each NaN and Infinity, which Python reads, but JSON does not allow."""
    lines: list[str] = []
    for place, timed in enumerate(turn.events):
        text = timed.event.text
        if "NaN" not in text and "Infinity" not in text:
            continue
        for found in _NO_NUMBER.finditer(text):
            if found[1] is None:
                continue
            line, column = timed.line, None
            if line is not None and "\n" not in text:
                lines = lines or data.decode(errors="replace").split("\n")
                start = lines[line - 1].find(text) if line <= len(lines) else -1
                column = start + found.start() + 1 if start >= 0 else None
            problem = f"{found[1]} is no JSON; strict clients cannot read the event"
            yield Located(Finding(NO_NUMBER, Level.ERROR, problem, place), path, line, column, number)


def _check_event_names(data: bytes, path: str) -> Iterator[Located]:
    """Yield a finding for each ``event:`` line that does not name the type in its data."""
    try:
        messages = sse.decode(data)
    except sse.DecodeError:
        return  # already reported as damage
    unnamed = 0
    for message in messages:
        try:
            event = Event.parse(message.data)
        except ValueError:
            continue
        line, _ = message.places[0]
        if message.event is None:
            unnamed += 1
        elif message.event != event.type:
            problem = f'the event: line says "{message.event}", expected the type {event.type}'
            yield Located(Finding(EVENT_NAME_DIFFERS, Level.ERROR, problem), path, line)
    if unnamed:
        problem = f"{unnamed} of {len(messages)} events have no event: line"
        yield Located(Finding(NO_EVENT_NAME, Level.INFO, problem), path)
