"""Scripts: a response in a few lines; `respool.scripts.synth` makes its events.

A Script is read from plain data (`read`), and written as such, at its shortest (`plain`); both follow
the tables in `tables`, and so does `schema`. See docs/scripts.md.
"""

from respool.scripts.pictures import Picture
from respool.scripts.script import End, Script, ScriptPace, Step, Turn, plain, read, schema
from respool.scripts.sources import Path, PlainSource, ScriptError, Source

__all__ = [
    "End",
    "Path",
    "Picture",
    "PlainSource",
    "Script",
    "ScriptError",
    "ScriptPace",
    "Source",
    "Step",
    "Turn",
    "plain",
    "read",
    "schema",
]
