"""SETTINGS: every option of a server, declared once.

The command line (`commands.serve`, `commands.run`), the environment (``RESPOOL_*``), the ASGI app and the
documentation are made from this table, and tests hold that Python's keyword arguments agree with it.
"""

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from typing import Any, TypedDict

from respool.play.pace import DEFAULT_GAP, TYPICAL
from respool.play.session_clock import MODES
from respool.protocol.profiles import OPENAI, PROFILES
from respool.recordings.recording import FRAMINGS, IDS, ON_UNKNOWN_ID, REPLAY_WINDOW

PREFIX = "RESPOOL_"


class Kind(Enum):
    """The type of a setting's value."""

    TEXT = "text"
    FLAG = "yes or no"
    COUNT = "a whole number, 1 or more"
    INTEGER = "a whole number"
    SECONDS = "seconds, 0 or more"
    FACTOR = "a factor above 0, or a word"
    GAP = "seconds, 0 or more, or a word"
    SIZE = "bytes, as 1000000, 512K or 32M"
    PORT = "0 to 65535"
    CHOICE = "one of some words"
    FAULTS = "faults, as 'abort(after=5)'"


class Part(Enum):
    """The target of a setting: the pace, the server, its app, its process, or the command."""

    PACE = "Pace"
    SERVER = "MockServer"
    APP = "create_app"
    PROCESS = "uvicorn_server"
    UPSTREAM = "open_upstream"
    COMMAND = "respool serve"


@dataclass(frozen=True, slots=True)
class Setting:
    """One option of a server.

    name      as a keyword argument of what `part` names
    option    on the command line, without ``--``; in the environment in capitals, after ``RESPOOL_``
    choices   the only words that it accepts
    words     words that it accepts besides other values
    many      whether it may be given several times
    metavar   the placeholder of its value in help
    """

    name: str
    part: Part
    kind: Kind
    default: Any
    help: str
    option: str = ""
    choices: tuple[str, ...] = ()
    words: Mapping[str, Any] | None = None
    many: bool = False
    metavar: str | None = None
    show_default: bool = False

    @property
    def flag(self) -> str:
        """Its option on the command line."""
        return f"--{self.option or self.name.replace('_', '-')}"

    @property
    def variable(self) -> str:
        """Its variable in the environment."""
        return PREFIX + self.flag.removeprefix("--").replace("-", "_").upper()


_VALIDATE = ("off", "basic", "strict")

SETTINGS: tuple[Setting, ...] = (
    Setting("host", Part.COMMAND, Kind.TEXT, "127.0.0.1", "Address to listen on.", show_default=True),
    Setting("port", Part.COMMAND, Kind.PORT, 8080, "0 picks a free one.", show_default=True),
    Setting(
        "speed", Part.PACE, Kind.FACTOR, 1.0, "2 is twice as fast; instant sends all at once.",
        words={"instant": math.inf},
    ),
    Setting(
        "gap", Part.PACE, Kind.GAP, DEFAULT_GAP, "Time before an event without a time [default: 0.02].",
        words={TYPICAL: TYPICAL},
    ),
    Setting("max_gap", Part.PACE, Kind.SECONDS, None, "The longest pause."),
    Setting("ttft", Part.PACE, Kind.SECONDS, None, "Time to first token, that is the first delta."),
    Setting("jitter", Part.PACE, Kind.SECONDS, 0.0, "Change each gap at random by up to this."),
    Setting(
        "seed", Part.PACE, Kind.INTEGER, 0, "Seed of random values: same seed, same times.", show_default=True
    ),
    Setting(
        "faults", Part.SERVER, Kind.FAULTS, (), "A fault for every answer, as 'abort(after=5)'.",
        option="fault", many=True,
    ),
    Setting(
        "request_faults", Part.APP, Kind.FLAG, True,
        "Allow faults by the header x-respool-fault [default: on].",
    ),
    Setting(
        "default", Part.SERVER, Kind.TEXT, None, "The recording that answers all other requests.",
        metavar="NAME",
    ),
    Setting(
        "match", Part.SERVER, Kind.CHOICE, None,
        "How far a request may differ from a recorded one [default: as match.yaml says, else normal].",
        choices=("strict", "normal", "loose"),
    ),
    Setting(
        "on_miss", Part.SERVER, Kind.CHOICE, "error",
        "The answer without a match: a 404, an improvised answer, or the upstream's, which is recorded.",
        choices=("error", "improvise", "record"), show_default=True,
    ),
    Setting(
        "upstream", Part.UPSTREAM, Kind.TEXT, None,
        "The base URL for --on-miss record and for stubs with proxy (extra record).", metavar="URL",
    ),
    Setting(
        "api_key_env", Part.UPSTREAM, Kind.TEXT, None,
        "Send the key in this variable to the upstream, not the client's.", metavar="NAME",
    ),
    Setting(
        "record_into", Part.UPSTREAM, Kind.TEXT, None,
        "The folder to record into [default: with --on-miss record, the first folder of PATHS].",
        metavar="FOLDER",
    ),
    Setting(
        "record_mode", Part.UPSTREAM, Kind.CHOICE, "new_episodes",
        "Requests that --on-miss record relays: unrecorded ones; those, if there are no recordings at the "
        "start; none; all.",
        choices=("new_episodes", "once", "none", "all"), show_default=True,
    ),
    Setting(
        "record_name", Part.UPSTREAM, Kind.TEXT, None, "Template of file names [default: '{model}/{slug}'].",
        metavar="TEMPLATE",
    ),
    Setting(
        "redact", Part.UPSTREAM, Kind.TEXT, (), "Redact matches of this pattern in recordings. Repeatable.",
        many=True, metavar="REGEX",
    ),
    Setting(
        "redact_pointer", Part.UPSTREAM, Kind.TEXT, (),
        "Redact the value at /a/*/b in recordings. Repeatable.", many=True, metavar="POINTER",
    ),
    Setting(
        "redact_hook", Part.UPSTREAM, Kind.TEXT, None,
        "Redact the secrets that this function finds in recordings.", metavar="MODULE:FUNCTION",
    ),
    Setting(
        "on_exhausted", Part.SERVER, Kind.CHOICE, "error",
        "After a recording's last turn: a 404, the last turn again, or the first.",
        choices=("error", "last", "loop"), show_default=True,
    ),
    Setting(
        "ids", Part.SERVER, Kind.CHOICE, IDS[0],
        "Ids of responses, items and calls: as recorded, or fresh ones for each request.",
        choices=IDS, show_default=True,
    ),
    Setting(
        "profile", Part.SERVER, Kind.CHOICE, OPENAI.name, "The dialect of scripts and errors.",
        choices=tuple(PROFILES), show_default=True,
    ),
    Setting(
        "keepalive", Part.SERVER, Kind.SECONDS, None,
        "Send a keepalive after this much silence [default: never].",
    ),
    Setting(
        "framing", Part.SERVER, Kind.CHOICE, FRAMINGS[0],
        "Framing of captured streams: as captured, or as the API frames events.",
        choices=FRAMINGS, show_default=True,
    ),
    Setting(
        "replay_window", Part.SERVER, Kind.SECONDS, REPLAY_WINDOW,
        "How long after its end a background response can be streamed.", show_default=True,
    ),
    Setting(
        "on_unknown_id", Part.SERVER, Kind.CHOICE, ON_UNKNOWN_ID[0],
        "The answer for an unknown id: a 404, or the default recording's response.",
        choices=ON_UNKNOWN_ID, show_default=True,
    ),
    Setting(
        "clock_mode", Part.SERVER, Kind.CHOICE, "real",
        "Clock of sessions: runs, moves only by the admin API, or jumps to the next due event.",
        option="clock", choices=MODES, show_default=True,
    ),
    Setting(
        "session_by", Part.SERVER, Kind.CHOICE, "name",
        "How a request without a session in path and x-respool-session selects one: it uses the default "
        "session, or that of its API key.",
        choices=("name", "api-key"), show_default=True,
    ),
    Setting(
        "session_idle", Part.SERVER, Kind.SECONDS, 3600.0,
        "Delete a session this long after its last request.", show_default=True,
    ),
    Setting("reload", Part.APP, Kind.FLAG, False, "Reload changed files."),
    Setting(
        "validate", Part.SERVER, Kind.CHOICE, None,
        "Invalid requests to refuse: wrong types, errors for any model, all not in the openai package "
        "[default: basic; off with --on-unknown-id default].",
        option="validate-requests", choices=_VALIDATE,
    ),
    Setting(
        "max_body", Part.APP, Kind.SIZE, 32 * 1024 * 1024, "Limit of a request body [default: 32M]."
    ),
    Setting(
        "max_memory", Part.SERVER, Kind.SIZE, None,
        "Memory for requests and their answers [default: 864M].",
    ),
    Setting(
        "max_client_bytes", Part.SERVER, Kind.SIZE, None,
        "Refuse what would make the unanswered requests of one client larger than this together.",
    ),
    Setting(
        "workers", Part.COMMAND, Kind.COUNT, 1,
        "Number of worker processes. Several need --state or --stateless.", metavar="N", show_default=True,
    ),
    Setting(
        "state", Part.COMMAND, Kind.TEXT, None,
        "Shared state of several servers, as redis://HOST:6379/0 (extra redis) [default: the memory of this "
        "process].",
        metavar="URL",
    ),
    Setting("stateless", Part.SERVER, Kind.FLAG, False, "Store nothing; refuse requests that need state."),
    Setting(
        "api_keys", Part.APP, Kind.TEXT, (), "Answer 401 to other keys. Repeatable.",
        option="api-key", many=True, metavar="KEY",
    ),
    Setting(
        "cors", Part.APP, Kind.TEXT, (),
        "Let pages of this origin call the API, as those of loopback origins may; * is any. Repeatable.",
        many=True, metavar="ORIGIN",
    ),
    Setting(
        "websocket", Part.APP, Kind.FLAG, True,
        "Serve the API over WebSocket, too; if off, an upgrade gets 426 [default: on].",
    ),
    Setting(
        "allow_host", Part.COMMAND, Kind.TEXT, (),
        "Accept this name in Host, too; '*.NAME' for all subdomains, '*' for any. Repeatable. On loopback "
        "the default is loopback names only.",
        many=True, metavar="NAME",
    ),
    Setting(
        "uds", Part.COMMAND, Kind.TEXT, None, "Listen on a Unix socket instead of a port.", metavar="PATH"
    ),
    Setting(
        "tls_cert", Part.COMMAND, Kind.TEXT, None,
        "Serve TLS with this certificate (PEM, with its chain).", metavar="FILE",
    ),
    Setting("tls_key", Part.COMMAND, Kind.TEXT, None, "The key of the certificate.", metavar="FILE"),
    Setting(
        "base_paths", Part.APP, Kind.TEXT, (),
        "Answer below this path, too, as below /v1; / for /responses. Repeatable.",
        option="base-path", many=True, metavar="PATH",
    ),
    Setting(
        "drain", Part.PROCESS, Kind.SECONDS, 0.0,
        "How long answers may take to end after SIGTERM; /readyz says 503 meanwhile [default: 0].",
    ),
    Setting(
        "max_streams", Part.APP, Kind.COUNT, None, "Refuse more streams at once.", metavar="N"
    ),
    Setting(
        "max_connections", Part.PROCESS, Kind.COUNT, None, "Answer 503 on more connections at once.",
        metavar="N",
    ),
    Setting(
        "idle_timeout", Part.PROCESS, Kind.SECONDS, 75.0,
        "Close a connection after this long without a request [default: 75].",
    ),
    Setting("metrics", Part.APP, Kind.FLAG, False, "Serve /metrics for Prometheus (extra metrics)."),
    Setting(
        "traces", Part.APP, Kind.FLAG, False,
        "Send an OpenTelemetry span for each request, configured by OTEL_* variables (extra otel).",
    ),
    Setting(
        "head_timeout", Part.PROCESS, Kind.SECONDS, 60.0,
        "Close a connection whose request's head takes longer [default: 60].",
    ),
    Setting(
        "fail_on_refused", Part.COMMAND, Kind.FLAG, False,
        "Do not start if a file cannot be used: for CI, exit code 1.",
    ),
    Setting(
        "admin", Part.APP, Kind.FLAG, True,
        "Serve the admin API at /__admin [default: on].",
    ),
    Setting(
        "admin_token", Part.APP, Kind.TEXT, None, "The token that the admin API requires [default: none].",
        metavar="TOKEN",
    ),
    Setting(
        "log_format", Part.COMMAND, Kind.CHOICE, "text", "Format of the request log on stderr.",
        choices=("text", "json"), show_default=True,
    ),
    Setting("quiet", Part.COMMAND, Kind.FLAG, False, "No line for each request."),
)  # fmt: skip


class UpstreamOptions(TypedDict, total=False):
    """Whom a server asks for what is not recorded: the settings of `Part.UPSTREAM`. The key is in the
    environment, in the variable that `api_key_env` names."""

    upstream: str | None
    api_key_env: str | None
    record_into: str | os.PathLike[str] | None
    record_mode: str
    record_name: str | None
    redact: Sequence[str]
    redact_pointer: Sequence[str]
    redact_hook: str | None


def of_part(part: Part, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of `values` that are for `part`, as its keyword arguments."""
    return {one.name: values[one.name] for one in SETTINGS if one.part is part and one.name in values}


def misspelt_variables(names: Iterable[str]) -> list[str]:
    """Return a line for each environment variable with our prefix that is no setting."""
    known = {one.variable for one in SETTINGS} | _OTHERS
    lines = []
    for name in sorted(names):
        if not name.startswith(PREFIX) or name in known or name.startswith(_SERVICE):
            continue
        nearest = get_close_matches(name[:100], sorted(known), n=1, cutoff=0.6)
        lines.append(f"{name} is no setting" + (f"; did you mean {nearest[0]}?" if nearest else ""))
    return lines


# What else begins so: the paths, what `respool run` gives its command, and what a container sets.
_OTHERS = {
    f"{PREFIX}{name}"
    for name in "PATHS URL TRACEBACK LOG JOURNAL SUMMARY STRICT STRICT_UNPLAYED KEY BIN RECORD".split()
}
# Kubernetes sets variables for a service of the name respool.
_SERVICE = ("RESPOOL_PORT_", "RESPOOL_SERVICE_")
