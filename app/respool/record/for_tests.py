"""Recording of a test's session: the requests for the upstream, and the name of the recording."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from respool.errors import RespoolError

if TYPE_CHECKING:
    from respool.record.live_upstream import RecordingUpstream
    from respool.server.mock_server import MockServer

WAIT = 30.0  # seconds for which a test waits at its end until its answers are recorded


@dataclass(frozen=True, slots=True)
class RecordPlan:
    """The upstream of tests for requests without a recording, and the folder for its answers.

    mode         one of RECORD_MODES but ``none``
    upstream     a base URL
    api_key_env  the variable that holds its key; "": the client's key is forwarded
    folder       to record into
    """

    mode: str
    upstream: str
    api_key_env: str
    folder: Path

    def options(self) -> dict[str, Any]:
        """Return the options of `running_server`."""
        return {
            "on_miss": "record",
            "upstream": self.upstream,
            "api_key_env": self.api_key_env or None,
            "record_into": self.folder,
            "record_mode": "all" if self.mode == "all" else "new_episodes",
        }

    def begin(self, server: "MockServer", upstream: "RecordingUpstream", session: str, name: str) -> None:
        """Have a session record into the recording `name`, as the mode says."""
        from respool.record.live_upstream import asks_in_mode
        from respool.record.naming import safe

        upstream.session_names[session] = name
        asks = asks_in_mode(self.mode, empty=not server.store.turns(upstream.served_as(safe(name))))
        # Requests that need no upstream are answered as they will be without one.
        server.session(session).asks_upstream = "never" if asks == "recorded" else asks


def end(upstream: "RecordingUpstream", loop: asyncio.AbstractEventLoop, session: str) -> None:
    """Wait until all answers to a session are recorded. Raise RespoolError after WAIT seconds."""
    try:
        asyncio.run_coroutine_threadsafe(upstream.all_recorded(session), loop).result(WAIT)
    except TimeoutError:
        raise RespoolError(f"what the test was answered is not recorded after {WAIT:.0f} s") from None
