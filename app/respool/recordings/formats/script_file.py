"""Script files, read and written: YAML, places of errors, and the pictures that they name."""

from dataclasses import dataclass
from pathlib import Path as FilePath

from respool import scripts
from respool.errors import RecordingError, printable
from respool.recordings.formats.turn_builder import OnDamage
from respool.recordings.recording import Header, Recording, TimedEvent, turn_name
from respool.scripts import plain_yaml, synth

MAX_SIZE = 4 * 1024 * 1024  # bytes, of a Script
MAX_PICTURE = 32 * 1024 * 1024  # bytes, of a picture file that it names
MAX_CAUSE = 800  # characters of a message: the list of all steps has 400


def read(data: bytes, name: str, path: str, on_damage: OnDamage) -> tuple[Recording, ...]:
    """Read a Script, and write out its turns. Each damage has path, line and column."""
    try:
        if len(data) > MAX_SIZE:
            raise RecordingError(f"{len(data)} bytes, expected at most {MAX_SIZE} in a Script", path)
        document = plain_yaml.load(_decode(data, path))
    except RecordingError as error:
        on_damage(error)
        return ()
    except plain_yaml.PlainYamlError as error:
        on_damage(_damage(str(error), path, error.line, error.column))
        return ()
    source = _ScriptSource(document, path, on_damage)
    found = scripts.read(document.data, source)
    recordings = []
    for number, turn in enumerate(found.turns, start=1):
        try:
            scripted = synth.Scripted(turn, name, found.seed, number, source.locate)
            expansion = scripted.expand()
            header = _header(expansion, turn)
        except scripts.ScriptError as error:
            source.damage(error)
            continue
        events = tuple(
            TimedEvent(written.gap, written.event, document.place(written.path)[0])
            for written in expansion.events
        )
        recordings.append(Recording(turn_name(name, number), header, events, scripted))
    return tuple(recordings)


def write(value: scripts.Script) -> str:
    """The text of a Script, at its shortest."""
    return plain_yaml.dump(scripts.plain(value))


def _decode(data: bytes, path: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        column = error.start - before.rfind(b"\n")
        problem = f"byte 0x{data[error.start]:02x} is not UTF-8"
        raise RecordingError(problem, path, before.count(b"\n") + 1, column) from None


def _damage(cause: str, path: str, line: int, column: int) -> RecordingError:
    return RecordingError(printable(cause, MAX_CAUSE), path, line, column)


def _header(expansion: synth.Expansion, turn: scripts.Turn) -> Header:
    try:
        return Header(expansion.header)
    except ValueError as error:
        field = "faults" if '"faults"' in str(error) else "headers"
        raise scripts.ScriptError(str(error), (*turn.path, field)) from None


@dataclass(frozen=True, slots=True)
class _ScriptSource:
    """Where a Script's data came from: a YAML document in a folder."""

    document: plain_yaml.Document
    path: str
    on_damage: OnDamage

    def written(self, path: scripts.Path) -> str | None:
        return self.document.written(path)

    def picture(self, name: str) -> bytes:
        folder = FilePath(self.path).parent
        try:
            file = (folder / name).resolve()
            if not file.is_relative_to(folder.resolve()):
                raise ValueError("it is outside of the Script's folder")
            if not file.is_file():
                raise ValueError("no such file")
            if file.stat().st_size > MAX_PICTURE:
                raise ValueError(f"expected at most {MAX_PICTURE} bytes")
            return file.read_bytes()
        except (OSError, RuntimeError) as error:  # RuntimeError: links that lead in a circle
            raise ValueError(str(getattr(error, "strerror", None) or "not readable").lower()) from None

    def locate(self, error: scripts.ScriptError) -> str:
        """Where an error is: path, line and column."""
        line, column = self.document.place(error.path, error.at_key)
        return f"{self.path}:{line}:{column}"

    def damage(self, error: scripts.ScriptError) -> None:
        line, column = self.document.place(error.path, error.at_key)
        self.on_damage(_damage(error.cause, self.path, line, column))
