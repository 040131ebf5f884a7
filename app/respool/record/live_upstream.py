"""RecordingUpstream: forwards requests without a recording to the real service, and records its answers."""

import asyncio
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from starlette.types import Message, Receive, Scope, Send

from respool.errors import OptionError
from respool.http.problems import envelope
from respool.http.request_scope import exchange_of, session_of
from respool.http.responses import MATCH_HEADER, in_header
from respool.http.sending.connection import OURS
from respool.http.steering_path import without_ours
from respool.record.recorder import Recorder
from respool.record.recording_set import RecordOptions
from respool.record.redaction import Redactor, load_hook
from respool.record.relay import Relay, refusal_of
from respool.record.routes import route
from respool.record.upstream import Upstream
from respool.recordings.recording import Recording
from respool.recordings.store import Store
from respool.server.decision import RELAYED, Decision
from respool.server.journal import Exchange
from respool.server.mock_server import MockServer
from respool.server.relayed import remember_relayed
from respool.server.request import Request
from respool.server.server_options import UpstreamOptions

RECORD_MODES = ("new_episodes", "once", "none", "all")

# In a chunk that matches, a client may read the end of its response.
_TERMINAL = re.compile(rb"response\.(?:completed|failed|incomplete)|\[DONE\]")
_PATIENCE = 5.0  # seconds for which a request waits until the answers to others are recorded
_OF_THIS_SERVER = (b"access-control-", MATCH_HEADER.encode())
_DROPPED = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})


@dataclass(slots=True, eq=False)
class _Pending:
    """An answer that is being relayed or recorded."""

    request: Request
    decision: Decision
    exchange: Exchange
    answered: bool = False  # the client may have read the end of its response
    written: asyncio.Event = field(default_factory=asyncio.Event)
    name: str = ""
    turn: int = 0


class RecordingUpstream:
    """Forwards requests to an upstream. A recorder, if any, writes the answers into a folder of the server's,
    which serves them at once.

    session_names  the names of the sessions' recordings, by the sessions' names
    """

    def __init__(
        self, server: MockServer, upstream: Upstream, recorder: Recorder | None, prefix: str = ""
    ) -> None:
        """`prefix` is the path of the recorder's folder below the server's, and so part of served names."""
        self.server = server
        self._prefix = prefix
        self.recorder = recorder
        self.session_names: dict[str, str] = {}
        self._relay = Relay(upstream, recorder)
        self._pending: set[_Pending] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        await self._relay.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._relay.__aexit__(*error)

    @property
    def busy(self) -> bool:
        """True if an answer is on its way, or has yet to be recorded."""
        return bool(self._pending)

    @property
    def problems(self) -> Sequence[str]:
        """The answers that could not be recorded so far, and why."""
        return () if self.recorder is None else tuple(self.recorder.recordings.problems)

    @property
    def stopped(self) -> str:
        """The reason why recording has stopped; "" if it has not."""
        stopped = None if self.recorder is None else self.recorder.stopped
        return str(stopped or "")

    def served_as(self, name: str) -> str:
        """Return the server's name for the recording `name` of the recorder."""
        return f"{self._prefix}{name}"

    async def all_recorded(self, session: str) -> None:
        """Wait until the answers of a session have ended, and are recorded."""
        for pending in [one for one in self._pending if one.request.session == session]:
            await pending.written.wait()

    async def settle(self) -> bool:
        """Wait until all complete answers are recorded. Return False if there are none, or it takes long."""
        waiting = [pending.written.wait() for pending in self._pending if pending.answered]
        if not waiting:
            return False
        try:
            await asyncio.wait_for(asyncio.gather(*waiting), _PATIENCE)
        except TimeoutError:
            return False
        return True

    async def create(
        self, scope: Scope, receive: Receive, send: Send, request: Request, decision: Decision
    ) -> None:
        """Relay a request to create a response, and record the answer."""
        pending = _Pending(request, decision, exchange_of(scope))
        self._pending.add(pending)

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.body" and (
                not message.get("more_body") or _TERMINAL.search(message.get("body", b""))
            ):
                pending.answered = True
            await send(message)

        def recorded(name: str, turn: int) -> None:  # in the recorder's thread
            pending.name, pending.turn = self.served_as(name), turn

        session = session_of(scope)
        try:
            await self._pass(
                scope,
                receive,
                send_on,
                request.text,
                name=request.header_name or request.path_name or self.session_names.get(session, ""),
                on_recorded=recorded,
            )
        finally:
            pending.answered = True
            if self.recorder is None or self._loop is None:
                self._written(pending)
            else:
                loop = self._loop
                self.recorder.when_written(lambda: loop.call_soon_threadsafe(self._written, pending))
        await pending.written.wait()  # the client has its answer; the line in the log names the recording

    async def relay(self, scope: Scope, receive: Receive, send: Send, body: bytes) -> None:
        """Relay any other request."""
        exchange = exchange_of(scope)
        exchange.why, exchange.relayed, exchange.unmatched = f"{RELAYED}: not known here", True, False
        await self._pass(scope, receive, send, body)

    async def _pass(
        self, scope: Scope, receive: Receive, send: Send, body: bytes, *, name: str = "", **more: Any
    ) -> None:
        """Relay a request, without its headers for Respool."""
        if refusal := refusal_of(scope):
            await envelope(refusal, profile=self.server.profile)(scope, receive, send)
            return
        why = in_header(exchange_of(scope).why).encode("latin-1")

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.start":
                # This server's own middleware writes the CORS headers.
                kept = [one for one in message["headers"] if not one[0].startswith(_OF_THIS_SERVER)]
                message = {**message, "headers": [*kept, (MATCH_HEADER.encode(), why)]}
            await send(message)

        inner = {
            **scope,
            "headers": [
                one for one in scope["headers"] if one[0] not in _DROPPED and not one[0].startswith(OURS)
            ],
            "query_string": without_ours(scope["query_string"]),
        }
        found = replace(route(scope["method"], scope["path"]), session=session_of(scope), name=name)
        await self._relay.relay(inner, receive, send_head, body, found, **more)

    def _written(self, pending: _Pending) -> None:
        """Note that the recording of an answer has been written, or will not be."""
        turns = self.server.store.turns(pending.name) if pending.name else ()
        if 0 < pending.turn <= len(turns):
            turn = turns[pending.turn - 1]
            pending.exchange.recording = pending.name
            remember_relayed(self.server, pending.request, pending.decision, turn, pending.name, pending.turn)
        self._pending.discard(pending)
        pending.written.set()


@dataclass(frozen=True, slots=True)
class UpstreamPlan:
    """The options of an upstream, for a server that does not exist yet.

    paths   to serve: the given ones, and the folder to record into, if it is below none of them
    folder  to record into; None: nothing is recorded

    Make it with `of`.
    """

    paths: Sequence[str | os.PathLike[str]]
    folder: Path | None
    on_miss: str
    options: UpstreamOptions

    @classmethod
    def of(
        cls, paths: Sequence[str | os.PathLike[str]], on_miss: str, options: UpstreamOptions
    ) -> "UpstreamPlan":
        """Check the options, and make the folder if it does not exist. Raise OptionError."""
        if options.get("upstream") is None:
            raise OptionError("there is no upstream to ask for what is not recorded: give --upstream URL")
        mode = options.get("record_mode", RECORD_MODES[0])
        if mode not in RECORD_MODES:
            raise OptionError(f"record-mode is {mode}, expected {', '.join(RECORD_MODES)}")
        into = options.get("record_into")
        if into is None and on_miss == "record":
            into = next((path for path in paths if os.path.isdir(path)), None)
            if into is None:
                raise OptionError("nothing says where to record: give a folder, or --record-into FOLDER")
        if into is None:
            return cls(paths, None, on_miss, options)
        folder = Path(into)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OptionError(f"--record-into {folder}: {(error.strerror or str(error)).lower()}") from None
        if not any(folder.resolve().is_relative_to(Path(path).resolve()) for path in paths):
            paths = [*paths, folder]
        return cls(paths, folder, on_miss, options)

    def asks(self, *, empty: bool) -> str:
        """Return which requests go to the upstream: `MatchOptions.asks_upstream`. `empty` is True if there
        are no recordings at the start."""
        if self.on_miss != "record":
            return "stubs"
        return asks_in_mode(self.options.get("record_mode", RECORD_MODES[0]), empty=empty)

    def open(self, server: MockServer) -> RecordingUpstream:
        """Return the RecordingUpstream of a server. Raise OptionError."""
        options = self.options
        key = key_in(options.get("api_key_env"))
        upstream = Upstream(options["upstream"] or "", api_key=key)
        if self.folder is None:
            return RecordingUpstream(server, upstream, None)
        hook = options.get("redact_hook")
        redactor = Redactor(
            options.get("redact", ()), options.get("redact_pointer", ()), load_hook(hook) if hook else None
        )
        if key:
            redactor.learn(key)

        def finished(name: str, path: Path, turn: Recording | None) -> None:
            server.store.refresh()

        recorder = Recorder(
            self.folder,
            RecordOptions(
                options.get("record_name"),
                options.get("record_mode") == "all",
                redactor,
                finished,
                append=True,
            ),
        )
        return RecordingUpstream(server, upstream, recorder, _prefix(self.folder, server.store))


def asks_in_mode(mode: str, *, empty: bool) -> str:
    """Return `MatchOptions.asks_upstream` for one of RECORD_MODES."""
    if mode == "once":
        mode = "new_episodes" if empty else "none"
    return {"none": "recorded", "new_episodes": "misses", "all": "always"}[mode]


def _prefix(folder: Path, store: Store) -> str:
    """Return the prefix of a store's names for files in a folder."""
    folder = folder.resolve()
    for path in map(Path.resolve, store.paths):
        if folder.is_relative_to(path):
            below = folder.relative_to(path).as_posix()
            return "" if below == "." else f"{below}/"
    return ""


def key_in(variable: str | None) -> str | None:
    """Return the key in a variable of the environment; None if none is named. Raise OptionError."""
    if variable is None:
        return None
    key = os.environ.get(variable, "").strip()
    if not key:
        raise OptionError(f"--api-key-env {variable}: the variable is not set")
    return key
