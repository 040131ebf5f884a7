"""SETTINGS: every option of a server, declared once.

The command line (`commands.serve`, `commands.run`), the environment (``RESPOOL_*``), the ASGI app and the
documentation are made from this table, and tests hold that Python's keyword arguments agree with it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from typing import Any

from respool.option_types import (
    COUNT,
    FINITE,
    FLAG,
    PORT,
    POSITIVE,
    SIZE,
    TEXT,
    OptionType,
    choice_type,
    size_type,
)
from respool.options import options_of, out_of_range
from respool.play.pace import Pace
from respool.play.session_clock import MODES
from respool.protocol.profiles import OPENAI, PROFILES
from respool.recordings.recording import FRAMINGS, IDS, ON_UNKNOWN_ID, REPLAY_WINDOW

PREFIX = "RESPOOL_"


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
    type      the values that it accepts besides its default, with unit and range
    many      it may be given several times
    metavar   the placeholder of its value in help, if not that of its type
    """

    name: str
    part: Part
    type: OptionType
    default: Any
    help: str
    option: str = ""
    many: bool = False
    metavar: str | None = None
    show_default: bool = False

    @property
    def flag(self) -> str:
        """Its option on the command line."""
        return f"--{self.option or self.name.replace('_', '-')}"

    def check(self, value: Any) -> Any:
        """Return a value given in Python as its type reads it. Raise OptionError if it is none of its values;
        None stands for the default where that is None."""
        if self.many or (value is None and self.default is None):
            return value
        try:
            return self.type.read(value)
        except (ValueError, KeyError, TypeError, OverflowError):
            name = self.flag.removeprefix("--")
            raise out_of_range(name, value, self.type.expected_for(value)) from None

    @property
    def variable(self) -> str:
        """Its variable in the environment."""
        return PREFIX + self.flag.removeprefix("--").replace("-", "_").upper()


FAULTS = OptionType("fault", "faults, as 'abort(after=5)'", lambda value: value)  # read by `faults.parse`


def _of_pace(name: str, help: str, *, show_default: bool = False) -> Setting:
    option = options_of(Pace)[name]
    return Setting(name, Part.PACE, option.type, option.default, help, show_default=show_default)


SETTINGS: tuple[Setting, ...] = (
    Setting("host", Part.COMMAND, TEXT, "127.0.0.1", "Address to listen on.", show_default=True),
    Setting("port", Part.COMMAND, PORT, 8080, "0 picks a free one.", show_default=True),
    _of_pace("speed", "2 is twice as fast; instant sends all at once."),
    _of_pace("gap", "Time before an event without a time [default: 0.02]."),
    _of_pace("max_gap", "The longest pause."),
    _of_pace("ttft", "Time to first token, that is the first delta."),
    _of_pace("jitter", "Change each gap at random by up to this."),
    _of_pace("seed", "Seed of random values: same seed, same times.", show_default=True),
    Setting(
        "faults", Part.SERVER, FAULTS, (), "A fault for every answer, as 'abort(after=5)'.",
        option="fault", many=True,
    ),
    Setting(
        "request_faults", Part.APP, FLAG, True,
        "Allow faults by the header x-respool-fault [default: on].",
    ),
    Setting(
        "default", Part.SERVER, TEXT, None, "The recording that answers all other requests.",
        metavar="NAME",
    ),
    Setting(
        "match", Part.SERVER, choice_type(("strict", "normal", "loose")), None,
        "How far a request may differ from a recorded one [default: as match.yaml says, else normal].",
    ),
    Setting(
        "on_miss", Part.SERVER, choice_type(("error", "improvise", "record")), "error",
        "The answer without a match: a 404, an improvised answer, or the upstream's, which is recorded.",
        show_default=True,
    ),
    Setting(
        "upstream", Part.UPSTREAM, TEXT, None,
        "The base URL for --on-miss record and for stubs with proxy (extra record).", metavar="URL",
    ),
    Setting(
        "api_key_env", Part.UPSTREAM, TEXT, None,
        "Send the key in this variable to the upstream, not the client's.", metavar="NAME",
    ),
    Setting(
        "record_into", Part.UPSTREAM, TEXT, None,
        "The folder to record into [default: with --on-miss record, the first folder of PATHS].",
        metavar="FOLDER",
    ),
    Setting(
        "record_mode", Part.UPSTREAM, choice_type(("new_episodes", "once", "none", "all")), "new_episodes",
        "Requests that --on-miss record relays: unrecorded ones; those, if there are no recordings at the "
        "start; none; all.", show_default=True,
    ),
    Setting(
        "record_name", Part.UPSTREAM, TEXT, None, "Template of file names [default: '{model}/{slug}'].",
        metavar="TEMPLATE",
    ),
    Setting(
        "redact", Part.UPSTREAM, TEXT, (), "Redact matches of this pattern in recordings. Repeatable.",
        many=True, metavar="REGEX",
    ),
    Setting(
        "redact_pointer", Part.UPSTREAM, TEXT, (),
        "Redact the value at /a/*/b in recordings. Repeatable.", many=True, metavar="POINTER",
    ),
    Setting(
        "redact_hook", Part.UPSTREAM, TEXT, None,
        "Redact the secrets that this function finds in recordings.", metavar="MODULE:FUNCTION",
    ),
    Setting(
        "on_exhausted", Part.SERVER, choice_type(("error", "last", "loop")), "error",
        "After a recording's last turn: a 404, the last turn again, or the first.", show_default=True,
    ),
    Setting(
        "ids", Part.SERVER, choice_type(IDS), IDS[0],
        "Ids of responses, items and calls: as recorded, or fresh ones for each request.", show_default=True,
    ),
    Setting(
        "profile", Part.SERVER, choice_type(tuple(PROFILES)), OPENAI.name,
        "The dialect of scripts and errors.",
        show_default=True,
    ),
    Setting(
        "keepalive", Part.SERVER, POSITIVE, None,
        "Send a keepalive after this much silence [default: never].",
    ),
    Setting(
        "framing", Part.SERVER, choice_type(FRAMINGS), FRAMINGS[0],
        "Framing of captured streams: as captured, or as the API frames events.", show_default=True,
    ),
    Setting(
        "replay_window", Part.SERVER, FINITE, REPLAY_WINDOW,
        "How long after its end a background response can be streamed.", show_default=True,
    ),
    Setting(
        "on_unknown_id", Part.SERVER, choice_type(ON_UNKNOWN_ID), ON_UNKNOWN_ID[0],
        "The answer for an unknown id: a 404, or the default recording's response.", show_default=True,
    ),
    Setting(
        "clock_mode", Part.SERVER, choice_type(MODES), "real",
        "Clock of sessions: runs, moves only by the admin API, or jumps to the next due event.",
        option="clock", show_default=True,
    ),
    Setting(
        "session_by", Part.SERVER, choice_type(("name", "api-key")), "name",
        "How a request without a session in path and x-respool-session selects one: it uses the default "
        "session, or that of its API key.", show_default=True,
    ),
    Setting(
        "session_idle", Part.SERVER, POSITIVE, 3600.0,
        "Delete a session this long after its last request.", show_default=True,
    ),
    Setting("reload", Part.APP, FLAG, False, "Reload changed files."),
    Setting(
        "validate", Part.SERVER, choice_type(("off", "basic", "strict")), None,
        "Invalid requests to refuse: wrong types, errors for any model, all not in the openai package "
        "[default: basic; off with --on-unknown-id default].",
        option="validate-requests",
    ),
    Setting(
        "max_body", Part.APP, SIZE, 32 * 1024 * 1024, "Limit of a request body [default: 32M]."
    ),
    Setting(
        "max_memory", Part.SERVER, SIZE, None,
        "Memory for requests and their answers [default: 864M].",
    ),
    Setting(
        "max_client_bytes", Part.SERVER, size_type(1), None,
        "Refuse what would make the unanswered requests of one client larger than this together.",
    ),
    Setting(
        "workers", Part.COMMAND, COUNT, 1,
        "Number of worker processes. Several need --state or --stateless.", metavar="N", show_default=True,
    ),
    Setting(
        "state", Part.COMMAND, TEXT, None,
        "Shared state of several servers, as redis://HOST:6379/0 (extra redis) [default: the memory of this "
        "process].",
        metavar="URL",
    ),
    Setting("stateless", Part.SERVER, FLAG, False, "Store nothing; refuse requests that need state."),
    Setting(
        "api_keys", Part.APP, TEXT, (), "Answer 401 to other keys. Repeatable.",
        option="api-key", many=True, metavar="KEY",
    ),
    Setting(
        "cors", Part.APP, TEXT, (),
        "Let pages of this origin call the API, as those of loopback origins may; * is any. Repeatable.",
        many=True, metavar="ORIGIN",
    ),
    Setting(
        "websocket", Part.APP, FLAG, True,
        "Serve the API over WebSocket, too; if off, an upgrade gets 426 [default: on].",
    ),
    Setting(
        "allow_host", Part.COMMAND, TEXT, (),
        "Accept this name in Host, too; '*.NAME' for all subdomains, '*' for any. Repeatable. On loopback "
        "the default is loopback names only.",
        many=True, metavar="NAME",
    ),
    Setting(
        "uds", Part.COMMAND, TEXT, None, "Listen on a Unix socket instead of a port.", metavar="PATH"
    ),
    Setting(
        "tls_cert", Part.COMMAND, TEXT, None,
        "Serve TLS with this certificate (PEM, with its chain).", metavar="FILE",
    ),
    Setting("tls_key", Part.COMMAND, TEXT, None, "The key of the certificate.", metavar="FILE"),
    Setting(
        "base_paths", Part.APP, TEXT, (),
        "Answer below this path, too, as below /v1; / for /responses. Repeatable.",
        option="base-path", many=True, metavar="PATH",
    ),
    Setting(
        "drain", Part.PROCESS, FINITE, 0.0,
        "How long answers may take to end after SIGTERM; /readyz says 503 meanwhile [default: 0].",
    ),
    Setting(
        "max_streams", Part.APP, COUNT, None, "Refuse more streams at once.", metavar="N"
    ),
    Setting(
        "max_connections", Part.PROCESS, COUNT, None, "Answer 503 on more connections at once.",
        metavar="N",
    ),
    Setting(
        "idle_timeout", Part.PROCESS, FINITE, 75.0,
        "Close a connection after this long without a request [default: 75].",
    ),
    Setting("metrics", Part.APP, FLAG, False, "Serve /metrics for Prometheus (extra metrics)."),
    Setting(
        "traces", Part.APP, FLAG, False,
        "Send an OpenTelemetry span for each request, configured by OTEL_* variables (extra otel).",
    ),
    Setting(
        "head_timeout", Part.PROCESS, FINITE, 60.0,
        "Close a connection whose request's head takes longer [default: 60].",
    ),
    Setting(
        "fail_on_refused", Part.COMMAND, FLAG, False,
        "Do not start if a file cannot be used: for CI, exit code 1.",
    ),
    Setting(
        "admin", Part.APP, FLAG, True,
        "Serve the admin API at /__admin [default: on].",
    ),
    Setting(
        "admin_token", Part.APP, TEXT, None, "The token that the admin API requires [default: none].",
        metavar="TOKEN",
    ),
    Setting(
        "log_format", Part.COMMAND, choice_type(("text", "json")), "text",
        "Format of the request log on stderr.", show_default=True,
    ),
    Setting("quiet", Part.COMMAND, FLAG, False, "No line for each request."),
)  # fmt: skip


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


# Other variables with this prefix: the paths, those that `respool run` sets, and those of a container.
_OTHERS = {
    f"{PREFIX}{name}"
    for name in "PATHS URL TRACEBACK LOG JOURNAL SUMMARY STRICT STRICT_UNPLAYED KEY BIN RECORD".split()
}
# Kubernetes sets variables for a service of the name respool.
_SERVICE = ("RESPOOL_PORT_", "RESPOOL_SERVICE_")
