"""MockSession: one test's own session at a server that several tests share."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack
from urllib.parse import quote

from respool.errors import OptionError, RespoolError, printable
from respool.recordings.hold_points import TTL
from respool.testing import RunningServer

if TYPE_CHECKING:
    from respool.controls import ClockControl, Held
    from respool.faults import Fault
    from respool.match.stubs import Stub
    from respool.record.for_tests import RecordPlan
    from respool.scripts import Script
    from respool.server.request_filter import Conditions
    from respool.server.seen_requests import SeenRequest, SeenRequests
    from respool.server.session import Session
    from respool.server.verify import Times

API_KEY = "respool"  # the key for SDKs; the server takes any
STRICT = ("off", "unmatched", "all")  # what fails a test: nothing, unmatched requests, also unplayed turns
_SHOWN = 5  # requests in a report


class MockSession:
    """One test's own session: its recordings, faults and requests. Other tests see none of it.

    running  the server
    name     of the session: a part of its URLs
    """

    def __init__(self, running: RunningServer, name: str) -> None:
        self.running = running
        self.name = name
        self._problems = len(running.upstream.problems) if running.upstream else 0
        self._played: list[str] = []
        self._scripts = 0

    def __repr__(self) -> str:
        return f"<MockSession {self.base_url}>"

    @property
    def url(self) -> str:
        """The root of this session's URLs, without ``/v1``."""
        return f"{self.running.url}/s/{quote(self.name, safe='')}"

    @property
    def base_url(self) -> str:
        """What an SDK takes as its base URL."""
        return f"{self.url}/v1"

    @property
    def api_key(self) -> str:
        """A key for SDKs that want one; the server takes any."""
        return API_KEY

    @property
    def env(self) -> dict[str, str]:
        """The environment in which SDKs and programs find this session."""
        return {"OPENAI_BASE_URL": self.base_url, "OPENAI_API_KEY": API_KEY, "RESPOOL_URL": self.url}

    def base_url_of(self, name: str) -> str:
        """Return the base URL below which the recording `name`, or the turn ``name#2``, answers. Raise
        OptionError if there is none."""
        self._check_name(name)
        return f"{self.url}/r/{quote(name)}/v1"

    def play(self, name: str) -> None:
        """Let the recording `name` answer requests that name none. Raise OptionError if there is none."""
        self._check_name(name)
        self._session.default = name
        self._played.append(name)

    def script(self, script: "Script | Mapping[str, Any] | str") -> str:
        """Let a Script answer requests that name no recording. Return the name of the recording made of it.

        It is a `Script`, or the content of a script file: as YAML, or as data. Raise RecordingError for an
        invalid one.
        """
        from respool.recordings import formats
        from respool.recordings.formats import script as format_
        from respool.scripts import Script, read

        if not isinstance(script, str):
            script = format_.write(script if isinstance(script, Script) else read(script))
        self._scripts += 1
        name = f"{self.name}/script-{self._scripts}"
        self.running.server.store.add(name, formats.read(script.encode(), name, f"{name}.script.yaml"))
        self.play(name)
        return name

    def fault(self, *faults: "Fault | str | Mapping[str, Any]") -> None:
        """Apply these faults to every answer from now on, instead of those before; without arguments, none.
        Raise FaultError for an invalid one.

            respool.fault("status(code=503, times=2)")
        """
        from respool.faults import Fault, read

        given: list[Fault] = []
        for one in faults:
            given.extend([one] if isinstance(one, Fault) else read([one]))
        session = self._session
        session.faults = tuple(given)
        session.sampler.clear()

    def stub(self, rule: "Mapping[str, Any] | None" = None, /, **fields: Any) -> "Stub":
        """Add a stub to this session, with the keys of a stub file. It is tried before those of files. Raise
        ScriptError for an invalid stub.

            respool.stub(match={"last_user_text": {"contains": "weather"}}, play="tools/get_weather")
        """
        from respool.match.stubs_file import read_stub

        stubs = self._session.stubs
        stub = read_stub({**(rule or {}), **fields}, f"stub {len(stubs) + 1} of the test")
        stubs.append(stub)
        return stub

    def hold(
        self,
        recording: str | None = None,
        at: "str | Mapping[str, Any]" = "start",
        *,
        when: str | None = None,
        stub: str | None = None,
        ttl: float = TTL,
        keepalive: float | None = None,
    ) -> "Held":
        """Hold the next stream of this session at a point: see `RunningServer.hold`."""
        return self.running.hold(
            recording, at, when=when, session=self.name, stub=stub, ttl=ttl, keepalive=keepalive
        )

    @property
    def clock(self) -> "ClockControl":
        """The time of this session: ``.freeze()``, ``.advance(30)``."""
        return self.running.clock.of(self.name)

    @property
    def requests(self) -> "SeenRequests":
        """The requests of this session, oldest first: ``.requests.last.input_text``."""
        return self.running.requests.filter(session=self.name)

    @property
    def unmatched(self) -> "SeenRequests":
        """The requests that no recording answered."""
        return self.requests.unmatched

    def assert_called(
        self, *, times: "int | Times | None" = None, **conditions: "Unpack[Conditions]"
    ) -> None:
        """Raise AssertionError unless as many requests of this session as `times` (at least one, if it is
        not given) meet the conditions."""
        __tracebackhide__ = True  # pytest shows the line of the test
        self.requests.assert_called(times=times, **conditions)

    def wait_for(
        self, count: int = 1, *, timeout: float = 10.0, **conditions: "Unpack[Conditions]"
    ) -> "SeenRequests":
        """Return the requests that meet the conditions, as soon as there are `count` of them. Raise
        AssertionError if there are not after `timeout` seconds."""
        __tracebackhide__ = True  # pytest shows the line of the test
        conditions["session"] = self.name
        return self.running.wait_for(count, timeout=timeout, **conditions)

    @property
    def unplayed(self) -> list[str]:
        """The turns that were never played, of the recordings that `play` and `script` named."""
        plays = self._session.plays
        names = dict.fromkeys(name for name in self._played if "#" not in name)
        store = self.running.server.store
        return [turn.name for name in names for turn in store.turns(name) if turn.name not in plays]

    def assert_all_played(self) -> None:
        """Raise AssertionError if a turn was never played, of the recordings that `play` and `script`
        named."""
        __tracebackhide__ = True  # pytest shows the line of the test
        if unplayed := self.unplayed:
            raise AssertionError("\n".join(["never played:", *(f"  {name}" for name in unplayed)]))

    def complaint(self, strict: str = "unmatched") -> str:
        """Return what makes the test of this session fail at level `strict`, for a report; "" if nothing."""
        parts = []
        if recording := self._not_recorded():
            parts.append("\n".join(["The test was not recorded:", *(f"  {line}" for line in recording)]))
        if strict != "off" and (unmatched := list(self.unmatched)):
            some = (
                "a request that no recording answers"
                if len(unmatched) == 1
                else (f"{len(unmatched)} requests that no recording answers")
            )
            shown = [line for request in unmatched[:_SHOWN] for line in self._shown(request)]
            more = [f"  and {len(unmatched) - _SHOWN} more"] if len(unmatched) > _SHOWN else []
            parts.append("\n".join([f"The test has left {some}:", *shown, *more]))
        if strict == "all" and (unplayed := self.unplayed):
            parts.append("\n".join(["The test has not played:", *(f"  {name}" for name in unplayed)]))
        return "\n".join(parts)

    def reset(self) -> None:
        """Reset this session to its beginning, and remove its requests."""
        self._played.clear()
        self.running.reset(self.name)

    def close(self) -> None:
        """Remove this session, its requests and its scripts."""
        server = self.running.server
        self._not_recorded()
        self.running.reset(self.name)
        for number in range(1, self._scripts + 1):
            server.store.remove(f"{self.name}/script-{number}")
        server.sessions.delete(self.name)

    def _not_recorded(self) -> Sequence[str]:
        """Finish the recording of this session. Return what could not be recorded."""
        upstream, loop = self.running.upstream, self.running.loop
        if upstream is None or loop is None:
            return ()
        from respool.record.for_tests import end

        try:
            end(upstream, loop, self.name)
        except RespoolError as error:
            return (str(error),)
        problems = upstream.problems[self._problems :]
        if not problems and upstream.stopped and any(one.relayed for one in self.requests):
            return (upstream.stopped,)
        return problems

    def _shown(self, request: "SeenRequest") -> Iterator[str]:
        """Return lines about a request that no recording answers."""
        path = request.path.removeprefix(f"/s/{quote(self.name, safe='')}")
        yield f"  {request.method} {path} {request.status}"
        if text := request.input_text:
            yield f"    input: {printable(text, 200)}"
        for line in request.why.splitlines():
            yield f"    {line}"
        for near in request.exchange.near:
            yield f"    near: {printable(_near_line(near), 300)}"

    @property
    def _session(self) -> "Session":
        return self.running.server.session(self.name)

    def _check_name(self, name: str) -> None:
        store = self.running.server.store
        if store.get(name) is not None:
            return
        for refusal in store.refused:
            if refusal.name == name.partition("#")[0]:
                raise OptionError(f"the recording {name} was refused: {refusal.error}")
        folders = ", ".join(map(str, store.paths)) or "no folder: set respool_fixtures"
        nearest = ", ".join(store.nearest(name))
        hint = f"; nearest: {nearest}" if nearest else f"; there are {len(store.names)} in {folders}"
        raise OptionError(f"no recording is called {name}{hint}")


def _near_line(near: Mapping[str, Any]) -> str:
    """Return a line about a near miss of the journal."""
    if "stub" in near:
        return f"stub {near['stub']}: not {', not '.join(near['failed'])}"
    hint = near.get("hint")
    return f"recording {near['recording']}" + (f"; {hint}" if hint else "")


class ServerPool:
    """The servers of a test run: one for each set of recordings and speed, started on first use."""

    def __init__(self) -> None:
        from contextlib import ExitStack

        self._open = ExitStack()
        self._running: dict[tuple[tuple[Path, ...], float, RecordPlan | None], RunningServer] = {}
        self._sessions = 0

    def server(
        self, paths: Sequence[str | os.PathLike[str]], speed: float, plan: "RecordPlan | None" = None
    ) -> RunningServer:
        """Return the server of these recordings, one for all callers with the same arguments; with `plan` it
        records. Raise what `running_server` raises."""
        from respool.play.pace import Pace
        from respool.testing import running_server

        key = (tuple(Path(path).absolute() for path in paths), speed, plan)
        if key not in self._running:
            made = running_server(*key[0], pace=Pace(speed=speed), **(plan.options() if plan else {}))
            self._running[key] = self._open.enter_context(made)
        return self._running[key]

    @contextmanager
    def session(
        self,
        paths: Sequence[str | os.PathLike[str]],
        speed: float,
        name: str,
        plan: "RecordPlan | None" = None,
        recording: str = "",
    ) -> Iterator[MockSession]:
        """Yield a new session, whose name begins with `name`, until the block ends; with `plan`, its
        exchanges become the recording `recording`."""
        self._sessions += 1
        running = self.server(paths, speed, plan)
        session = MockSession(running, f"{session_name(name)}-{self._sessions}")
        if plan is not None and running.upstream is not None:
            plan.begin(running.server, running.upstream, session.name, recording or session_name(name))
        try:
            yield session
        finally:
            session.close()

    def close(self) -> None:
        """Stop all servers."""
        self._running.clear()
        self._open.close()


def session_name(text: str) -> str:
    """Return `text` as a name that needs no escapes in a URL."""
    kept = "".join(char if char.isascii() and (char.isalnum() or char in "_.-") else "-" for char in text)
    return kept[-80:].strip("-._") or "test"


def read_speed(value: str | float) -> float:
    """Return a factor, infinite for ``instant``. Raise OptionError."""
    try:
        speed = float("inf") if value == "instant" else float(value)
    except (TypeError, ValueError):
        speed = 0.0
    if not speed > 0:
        raise OptionError(f"speed is {value!r}, expected a factor above 0, or instant")
    return speed
