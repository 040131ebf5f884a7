"""Scripts: a few lines of YAML which become full event sequences. See docs/scripts.md."""

from typing import TYPE_CHECKING

from respool.recordings.formats.turn_builder import OnDamage, refuse
from respool.recordings.recording import Recording

if TYPE_CHECKING:
    from respool.scripts import Script

SUFFIXES = (".script.yaml", ".script.yml")


def sniff(data: bytes) -> bool:
    """Return False: a Script is recognised by its suffix, since other YAML files look much the same."""
    return False


def read(data: bytes, name: str, path: str, on_damage: OnDamage = refuse) -> tuple[Recording, ...]:
    """Read a Script, and expand its turns. Each damage has path, line and column."""
    from respool.recordings.formats import script_file  # with PyYAML: late, since few have scripts

    return script_file.read(data, name, path, on_damage)


def write(script: "Script") -> str:
    """Return the text of a Script, in its shortest notation."""
    from respool.recordings.formats import script_file

    return script_file.write(script)
