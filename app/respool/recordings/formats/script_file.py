"""Reading and writing of Script files: YAML, places of errors, and the pictures that they name."""

from collections.abc import Callable
from pathlib import Path as FilePath

from respool import scripts
from respool.recordings.formats import yaml_file
from respool.recordings.formats.turn_builder import OnDamage
from respool.recordings.formats.yaml_file import YamlFile
from respool.recordings.recording import Header, Recording, TimedEvent, turn_name
from respool.scripts import plain_yaml, synth

MAX_SIZE = 4 * 1024 * 1024  # bytes, of a Script
MAX_PICTURE = 32 * 1024 * 1024  # bytes, of a picture file that it names


def read(data: bytes, name: str, path: str, on_damage: OnDamage) -> tuple[Recording, ...]:
    """Read a Script, and expand its turns. Each damage has path, line and column."""
    document = yaml_file.load(data, path, on_damage, MAX_SIZE, "a Script")
    if document is None:
        return ()
    source = _ScriptSource(document, path, on_damage)
    found = scripts.read(document.data, source)
    return expand(found, name, source.damage, lambda path: document.place(path)[0], source.locate)


def expand(
    value: scripts.Script,
    name: str,
    on_damage: Callable[[scripts.ScriptError], None],
    line_of: Callable[[scripts.Path], int | None] = lambda _: None,
    locate: Callable[[scripts.ScriptError], str] | None = None,
) -> tuple[Recording, ...]:
    """Expand the turns of a Script.

    `line_of` gives the line of a path in the Script, `locate` the place of an error in a template.
    """
    recordings = []
    for number, turn in enumerate(value.turns, start=1):
        try:
            scripted = synth.Scripted(turn, name, value.seed, number, locate)
            expansion = scripted.expand()
            header = _header(expansion, turn)
        except scripts.ScriptError as error:
            on_damage(error)
            continue
        events = tuple(
            TimedEvent(written.gap, written.event, line_of(written.path)) for written in expansion.events
        )
        recording = Recording(turn_name(name, number), header, events, scripted)
        _check_control(recording, turn, on_damage)
        recordings.append(recording)
    return tuple(recordings)


def write(value: scripts.Script) -> str:
    """Return the text of a Script, in its shortest notation."""
    return plain_yaml.dump(scripts.plain(value))


def _header(expansion: synth.Expansion, turn: scripts.Turn) -> Header:
    try:
        return Header(expansion.header)
    except ValueError as error:
        field = next((one for one in ("faults", "hold", "steer") if f'"{one}"' in str(error)), "headers")
        raise scripts.ScriptError(str(error), (*turn.path, field)) from None


def _check_control(
    recording: Recording, turn: scripts.Turn, on_damage: Callable[[scripts.ScriptError], None]
) -> None:
    """Report holds at events that the stream does not have, and successors that cannot be expanded."""
    if recording.header.hold and not (turn.template or recording.plain):  # a template's text is not known yet
        events = [timed.event for timed in recording.events]
        for point in recording.header.hold:
            if point.place(events) is None:
                cause = f"the stream cannot be held {point}: it has no such event"
                on_damage(scripts.ScriptError(cause, (*turn.path, "hold")))
    successor = (turn.steer or {}).get("successor")
    if isinstance(successor, scripts.Script):
        at: scripts.Path = (*turn.path, "steer", "successor")

        def below(error: scripts.ScriptError) -> None:
            on_damage(scripts.ScriptError(error.cause, (*at, *error.path), error.at_key))

        expand(successor, recording.name, below)


class _ScriptSource(YamlFile):
    """The file of a Script. The Script may name pictures in its folder."""

    __slots__ = ()

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
