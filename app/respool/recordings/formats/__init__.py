"""File formats: one module each, and FORMATS, the table of them.

To add one, write a module with the functions of `Format` and add its row.
"""

from collections.abc import Mapping
from typing import Protocol

from respool.errors import Effect, NotARecording, RecordingError
from respool.protocol.events import Event
from respool.recordings.formats import (
    codex_session,
    container,
    curl,
    encodings,
    event_table,
    foreign,
    har,
    httprr,
    jsonl,
    llmcap,
    log_lines,
    mitmproxy,
    mock_fixtures,
    script,
    sse,
    wiremock,
)
from respool.recordings.formats import (
    jest_snapshot as snapshot,
)
from respool.recordings.formats.document import begins_as_json
from respool.recordings.formats.event_objects import is_event
from respool.recordings.formats.turn_builder import OnDamage, refuse
from respool.recordings.recording import Recording


class Format(Protocol):
    """What a module of this package provides."""

    @property
    def SUFFIXES(self) -> tuple[str, ...]:  # noqa: N802 - a constant of the module
        """The suffixes of files that are meant to be of this format."""

    def sniff(self, data: bytes) -> bool:
        """Return True if a file with this content is of this format."""

    def read(self, data: bytes, name: str, path: str, on_damage: OnDamage = refuse) -> tuple[Recording, ...]:
        """Return the turns in a file's content; `path` is for messages. Each damage goes to `on_damage`."""


FORMATS: Mapping[str, Format] = {
    "llmcap": llmcap,
    "codex session": codex_session,
    "httprr": httprr,
    "mitmproxy": mitmproxy,
    "snapshot": snapshot,
    "curl": curl,
    "jsonl": jsonl,
    "sse": sse,
    "script": script,
    "event table": event_table,
    "har": har,
    "log": log_lines,
    "mock fixtures": mock_fixtures,
    "wiremock": wiremock,
    "document": container,
}


def sniff(data: bytes, path: str = "") -> str | None:
    """Return the name of the format that `data` is written in, or None.

    Content decides. The suffix of `path` counts only where content does not decide (an empty file, or one
    with damage in every line), so that such a file is refused with its place and not passed over. A
    Script is recognised by its suffix alone: other YAML files look much the same.
    """
    if path.lower().endswith(script.SUFFIXES):
        return "script"
    try:
        data = encodings.plain(data)
    except RecordingError:
        return by_suffix(path)
    if codex_session.is_named_so(path) and codex_session.is_session(data):
        return "codex session"
    return _sniff(data, path)


def _sniff(data: bytes, path: str) -> str | None:
    meant = by_suffix(path)
    for name, module in FORMATS.items():
        # A damaged recording may look like YAML: much does.
        certain = module is not container or meant is None or begins_as_json(data)
        if module.sniff(data) and (certain or b"response.created" in data):
            return name
    return meant


def by_suffix(path: str) -> str | None:
    """Return the name of the format that a file is meant to be of, by its suffix, or None."""
    lower = path.lower().removesuffix(".gz")
    return next((name for name, module in FORMATS.items() if lower.endswith(module.SUFFIXES)), None)


def without_suffix(path: str) -> str:
    """Return the path (with slashes) without the suffix of a recording's file: a.script.yaml, a.jsonl and
    a.txt are all a. What begins with its only dot, or ends with a dot, has no suffix."""
    start = path.rfind("/") + 1
    if path.endswith(".gz") and "." in path[start:-3]:
        path = path.removesuffix(".gz")
    for suffix in script.SUFFIXES:
        if path.endswith(suffix) and len(path) > start + len(suffix):
            return path.removesuffix(suffix)
    dot = path.rfind(".", start)
    return path[:dot] if start < dot < len(path) - 1 else path


def read(data: bytes, name: str, path: str, on_damage: OnDamage = refuse) -> tuple[Recording, ...]:
    """Read a file's content, in any format.

    Each damaged place goes to `on_damage`, as a RecordingError; the default raises the first one. With one
    that returns, the rest is read. Raise RecordingError for an empty file, and for one in no format.

    Example: ``read(Path("a.jsonl").read_bytes(), "a", "a.jsonl")``
    """
    if not path.lower().endswith(script.SUFFIXES):
        data = encodings.plain(data, path)
        if (what := foreign.utf16(data)) is not None:
            raise NotARecording(what, path)
    if (format_ := sniff(data, path)) is None:
        what = foreign.name_of(data[: encodings.HEAD], path)
        raise NotARecording(f"{what}: {_NO_EVENT}" if what else _NO_FORMAT, path)
    damaged = False

    def note(damage: RecordingError) -> None:
        nonlocal damaged
        damaged = damaged or damage.effect is Effect.REFUSED
        on_damage(damage)

    try:
        try:
            turns = FORMATS[format_].read(data, name, path, note)
        except RecordingError:
            meant = by_suffix(path)
            if format_ != "document" or meant is None or meant == "script":
                raise
            turns = FORMATS[meant].read(data, name, path, note)  # it names the place of each damage
        if turns and not any(map(_is_of_the_api, turns)):
            if format_ != "jsonl" or not container.sniff(data):
                raise NotARecording(_NO_EVENT, path)
            turns = container.read(data, name, path, note)  # lines that wrap events, in a type of their own
    except RecordingError as error:
        what = _stranger(data, path, format_, error)
        if what or isinstance(error, NotARecording):
            raise NotARecording(f"{what}: {_NO_EVENT}" if what else error.cause, path) from None
        raise RecordingError(error.cause, error.path or path, error.line, error.column) from None
    except ValueError as error:  # an event that no turn takes
        raise RecordingError(str(error), path) from None
    if not turns and not damaged:
        raise NotARecording("empty: expected a header or an event", path)
    return turns


_NO_FORMAT = "in no format that Respool reads"
_NO_EVENT = "no event of the Responses API in it"


def worth_reading(head: bytes, path: str = "") -> bool:
    """Return True if a file that begins with `head`, its first 64 KiB, could be a recording."""
    if by_suffix(path) is not None:
        return True
    head = encodings.plain_head(head)
    if mitmproxy.sniff(head) or httprr.sniff(head):
        return True
    if b"\0" in head:
        return False
    return container.looks_like_a_document(head) or _sniff(head, path) is not None


def shows_a_stream(data: bytes, path: str) -> bool:
    """Return True if the content of a file that cannot be read shows that it was meant to be a recording."""
    return sniff(data, path) != "document" or b"response.created" in data


def _stranger(data: bytes, path: str, format_: str, error: RecordingError) -> str | None:
    """Return the kind of a file without anything like an event of the API, if it is known."""
    if format_ == "script" or (b'"response.' in data and not isinstance(error, NotARecording)):
        return None
    return foreign.name_of(data[: encodings.HEAD], path)


def _is_of_the_api(turn: Recording) -> bool:
    if turn.header.body is not None or turn.scripted:
        return True
    return any(
        type_ == "keepalive" or is_event({**Event(text, type_).data, "type": type_})
        for type_, text in turn.types()
        if type_.startswith("response.") or type_ in ("keepalive", "error")
    )
