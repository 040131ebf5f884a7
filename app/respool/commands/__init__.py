"""COMMANDS: the table of the commands. Each is in a small module of its own.

A module is imported when its command is run or its help is shown.
"""

from collections.abc import Mapping

# The command's name, and its place as module:attribute below this package.
COMMANDS: Mapping[str, str] = {
    "serve": "serve:serve",
    "run": "run:run",
    "list": "listing:list_",
    "check": "check:check",
    "explain": "explain:explain",
    "explain-request": "explain_request:explain_request",
    "show": "show:show",
    "repair": "repair:repair",
    "record": "record:record",
    "convert": "convert:convert",
    "diff": "diff:diff",
    "scan": "scan:scan",
    "demo": "demo:demo",
    "new": "new:new",
    "script": "script:script",
    "streams": "streams:streams",
    "hold": "streams:hold",
    "release": "streams:release",
    "drill": "drill:drill",
    "bench": "bench:bench",
}
