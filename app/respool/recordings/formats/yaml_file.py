"""YAML files that people write: their content as plain data, and errors with path, line and column."""

from dataclasses import dataclass

from respool.errors import RecordingError, printable
from respool.recordings.formats.turn_builder import OnDamage
from respool.scripts import ScriptError, plain_yaml

MAX_CAUSE = 800  # characters of a message: the list of all steps has 400


@dataclass(frozen=True, slots=True)
class YamlFile:
    """Where plain data came from: a YAML document. Each mistake goes to `on_damage`."""

    document: plain_yaml.YamlDocument
    path: str
    on_damage: OnDamage

    def written(self, path: plain_yaml.Path) -> str | None:
        return self.document.written(path)

    def picture(self, name: str) -> bytes:
        raise ValueError("pictures are read in Script files only")

    def locate(self, error: ScriptError) -> str:
        """Return the place of an error: path, line and column."""
        line, column = self.document.place(error.path, error.at_key)
        return f"{self.path}:{line}:{column}"

    def damage(self, error: ScriptError) -> None:
        line, column = self.document.place(error.path, error.at_key)
        self.on_damage(_damage(error.cause, self.path, line, column))


def load(data: bytes, path: str, on_damage: OnDamage, most: int, what: str) -> plain_yaml.YamlDocument | None:
    """Return the YAML document in `data`, of at most `most` bytes. If it is no YAML, report it to `on_damage`
    and return None. `what` is the kind of file: "a Script"."""
    if len(data) > most:
        on_damage(RecordingError(f"{len(data)} bytes, expected at most {most} in {what}", path))
        return None
    try:
        return plain_yaml.load(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        before = data[: error.start]
        column = error.start - before.rfind(b"\n")
        problem = f"byte 0x{data[error.start]:02x} is not UTF-8"
        on_damage(RecordingError(problem, path, before.count(b"\n") + 1, column))
    except plain_yaml.PlainYamlError as error:
        on_damage(_damage(str(error), path, error.line, error.column))
    return None


def _damage(cause: str, path: str, line: int, column: int) -> RecordingError:
    return RecordingError(printable(cause, MAX_CAUSE), path, line, column)
