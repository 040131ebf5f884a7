"""Control of live streams and clocks from a test: `RunningServer.hold` and `RunningServer.clock`.

Each comes in two forms with the same verbs: one for plain tests, whose calls block, and one for async ones.
All of it works through the server's event loop, so any thread may use it.
"""

from respool.controls.clock_control import ClockControl
from respool.controls.held_stream import AsyncHeldStream, Held, HeldStream
from respool.controls.server_thread import ServerThread
from respool.controls.verbs import HoldRequest, hold_request

__all__ = [
    "AsyncHeldStream",
    "ClockControl",
    "Held",
    "HeldStream",
    "HoldRequest",
    "ServerThread",
    "hold_request",
]
