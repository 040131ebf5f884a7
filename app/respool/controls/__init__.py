"""Live streams and clocks under hand, from a test: what `RunningServer.hold` and `RunningServer.clock` give.

Each comes in two forms with the same verbs: one for plain tests, whose calls block, and one for async ones.
All of it works through the server's event loop, so any thread may use it.
"""

from respool.controls.clock_control import ClockControl
from respool.controls.held_stream import AsyncHeldStream, Held, HeldStream
from respool.controls.link import Link
from respool.controls.verbs import HoldRequest, hold_request

__all__ = ["AsyncHeldStream", "ClockControl", "Held", "HeldStream", "HoldRequest", "Link", "hold_request"]
