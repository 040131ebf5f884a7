"""Mappings of WireMock whose answers are in files: `bodyFileName` names one below the folder ``__files``.

Only files in that folder are read, and only for a mapping that is a file beside it: an upload reads none.
Source: wiremock.org, "Stubbing" and "Request matching".
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from respool.errors import Effect, NotARecording, RecordingError
from respool.protocol.events import dumps, loads
from respool.recordings.formats import container, encodings, found_streams
from respool.recordings.formats.document import Document
from respool.recordings.formats.turn_builder import OnDamage, refuse
from respool.recordings.recording import Recording

SUFFIXES: tuple[str, ...] = ()

_KEY = "bodyFileName"
_FILES = "__files"


def sniff(data: bytes) -> bool:
    """Return True if it is JSON with a `bodyFileName`."""
    return b'"bodyFileName"' in data and container.looks_like_a_document(data[:65536])


def read(data: bytes, name: str, path: str, on_damage: OnDamage = refuse) -> tuple[Recording, ...]:
    """Read the mappings, with the files that they name. Report files that cannot be read."""
    document = container.parse(data.decode(errors="surrogateescape"), path)
    folder = _folder(path, data)
    problems: list[str] = []
    for response in _responses(document.value):
        try:
            response[_KEY] = _content(folder, response[_KEY])
        except ValueError as error:
            problems.append(str(error))
    text = dumps(document.value)
    try:
        turns = container.turns(Document(document.value, "json"), text, name, path, on_damage)
    except NotARecording as error:
        cause = "; ".join(problems) or error.cause
        raise NotARecording(f"a mapping of WireMock: {cause}", path) from None
    for problem in problems:
        on_damage(RecordingError(f"a mapping of WireMock: {problem}", path, effect=Effect.SKIPPED))
    return turns


def _responses(value: Any) -> Iterator[dict[str, Any]]:
    """Return the responses of a mapping, or of a file with several, that name a file."""
    mappings = value.get("mappings") if isinstance(value, dict) else None
    for mapping in mappings if isinstance(mappings, list) else [value]:
        response = mapping.get("response") if isinstance(mapping, dict) else None
        if isinstance(response, dict) and isinstance(response.get(_KEY), str):
            yield response


def _folder(path: str, data: bytes) -> Path | None:
    """Return the folder ``__files`` of a mapping; None if there is none, or `path` is no file with
    this content."""
    try:
        file = Path(path).resolve(strict=True)
        if encodings.plain(file.read_bytes()) != data:
            return None
        return next((found for parent in file.parents if (found := parent / _FILES).is_dir()), None)
    except (OSError, RuntimeError, ValueError, RecordingError):
        return None


def _content(folder: Path | None, name: str) -> Any:
    """Return the content of a file: JSON, or a text. Raise ValueError with the reason if there is none."""
    if folder is None:
        raise ValueError(f"its {_KEY} is {dumps(name)}, and there is no folder {_FILES} beside it")
    if "\0" in name:
        raise ValueError(f"its {_KEY} {dumps(name)} is no name of a file")
    try:
        file = (folder / name.lstrip("/")).resolve()
        if not file.is_relative_to(folder.resolve()):
            raise ValueError(f"its {_KEY} {dumps(name)} leads out of {_FILES}, and is not read")
        if not file.is_file():
            raise ValueError(f"its {_KEY} is {dumps(name)}, and {_FILES} has no such file")
        if file.stat().st_size > found_streams.MAX_BODY:
            raise ValueError(f"its {_KEY} {dumps(name)} has more than {found_streams.MAX_BODY} bytes")
        data = encodings.plain(file.read_bytes(), most=found_streams.MAX_BODY)
    except (OSError, RuntimeError, RecordingError) as error:
        cause = getattr(error, "strerror", None) or getattr(error, "cause", None) or "not readable"
        raise ValueError(f"its {_KEY} {dumps(name)} cannot be read: {str(cause).lower()}") from None
    text = data.decode(errors="surrogateescape")
    try:
        return loads(text)
    except ValueError:
        return text
