"""The calls in Respool's own code for one instant stream: ``python -m bench.hops``.

They are counted below uvicorn's protocol, without a socket, for the second of two equal requests.
"""

import asyncio
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from respool.http import create_app
from respool.play.pace import Pace
from respool.recordings.store import Store
from respool.server.mock_server import MockServer

FIXTURES = Path(__file__).parents[1] / "fixtures" / "text"
BODY = b'{"model": "hello", "stream": true, "input": "Hi"}'
REQUEST = b"POST /v1/responses HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(BODY), BODY)


class Wire(asyncio.Transport):
    """The client's end: it accepts everything."""

    def __init__(self) -> None:
        super().__init__()
        self.size = 0

    def write(self, data: Any) -> None:
        self.size += len(data)

    def is_closing(self) -> bool:
        return False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


async def count() -> Counter[tuple[str, str]]:
    """Return the calls of one request, by file and function."""
    app = create_app(MockServer(Store([FIXTURES]), pace=Pace(speed=float("inf"))))
    config = Config(app, log_config=None, access_log=False)
    config.load()
    state = ServerState()
    protocol = HttpToolsProtocol(config, state, {}, asyncio.get_running_loop())
    protocol.connection_made(Wire())
    calls: Counter[tuple[str, str]] = Counter()

    def note(frame: Any, event: str, argument: Any) -> None:
        code = frame.f_code
        if event == "call" and "/respool/" in code.co_filename:
            calls[code.co_filename.rpartition("/respool/")[2], code.co_qualname] += 1

    for _ in range(2):
        calls.clear()
        sys.setprofile(note)
        protocol.data_received(REQUEST)
        while state.tasks:
            await asyncio.sleep(0)
        sys.setprofile(None)
    return calls


def main() -> None:
    """Print them, most often called first."""
    calls = asyncio.run(count())
    for (file, function), number in calls.most_common():
        print(f"{number:4} {file}: {function}")
    print(f"{sum(calls.values())} calls in {len({file for file, _ in calls})} files")


if __name__ == "__main__":
    main()
