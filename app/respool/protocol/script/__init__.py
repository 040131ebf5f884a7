"""Scripts: what happens in a response, in a few lines; `respool.protocol.synth` makes its events.

A Script is read from plain data (`read`), and written as such, at its shortest (`plain`); both follow
the tables in `tables`, and so does `schema`. See docs/scripts.md.
"""

from respool.protocol.script.pictures import Picture
from respool.protocol.script.places import Path, PlainSource, ScriptError, Source
from respool.protocol.script.values import End, Pace, Script, Step, Turn, plain, read, schema

__all__ = [
    "End",
    "Pace",
    "Path",
    "Picture",
    "PlainSource",
    "Script",
    "ScriptError",
    "Source",
    "Step",
    "Turn",
    "plain",
    "read",
    "schema",
]
