"""Respool replays recorded Responses API event streams, on time and byte for byte.

Importing this package loads nothing else: each public name is loaded when it is first used, since
FastAPI alone costs about 0.4 s, which every test run of our users would pay.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from respool.asgi import mock_app
    from respool.errors import RespoolError
    from respool.http import create_app
    from respool.loading import LoadedRecording, load
    from respool.mock_session import MockSession
    from respool.play.clock import Clock, ManualClock, SystemClock
    from respool.play.pace import Pace
    from respool.protocol.events import Event
    from respool.recordings.recording import Header, Recording, TimedEvent
    from respool.recordings.store import Store
    from respool.scripts import Script
    from respool.server.mock_server import MockServer
    from respool.testing import RunningServer, running_server
    from respool.testing_async import async_running_server
    from respool.unittest import RespoolTestCase

# The module of each public name. PEP 562: a module's __getattr__ is called for missing names.
_HOMES = {
    "Clock": "respool.play.clock",
    "Event": "respool.protocol.events",
    "Header": "respool.recordings.recording",
    "LoadedRecording": "respool.loading",
    "ManualClock": "respool.play.clock",
    "MockServer": "respool.server.mock_server",
    "MockSession": "respool.mock_session",
    "Pace": "respool.play.pace",
    "Recording": "respool.recordings.recording",
    "RespoolError": "respool.errors",
    "RespoolTestCase": "respool.unittest",
    "RunningServer": "respool.testing",
    "Script": "respool.scripts",
    "Store": "respool.recordings.store",
    "SystemClock": "respool.play.clock",
    "TimedEvent": "respool.recordings.recording",
    "async_running_server": "respool.testing_async",
    "create_app": "respool.http",
    "load": "respool.loading",
    "mock_app": "respool.asgi",
    "running_server": "respool.testing",
}

__all__ = [
    "Clock",
    "Event",
    "Header",
    "LoadedRecording",
    "ManualClock",
    "MockServer",
    "MockSession",
    "Pace",
    "Recording",
    "RespoolError",
    "RespoolTestCase",
    "RunningServer",
    "Script",
    "Store",
    "SystemClock",
    "TimedEvent",
    "__version__",
    "async_running_server",
    "create_app",
    "load",
    "mock_app",
    "running_server",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
