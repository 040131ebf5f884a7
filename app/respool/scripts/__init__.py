"""Scripts: a response in a few lines; `respool.scripts.synth` makes its events.

`read` reads a Script from plain data, `plain` writes it at its shortest, and `schema` gives its JSON Schema.
All three use the tables in `tables`. See docs/scripts.md.
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
