"""Faults: what goes wrong with an answer. FAULTS is the table of them; each is a frozen dataclass in a file
of its own, a function from frames to frames. They know nothing of HTTP. See docs/faults.md.

Each name is loaded when it is first used: most servers never meet a fault, and there are many.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from respool.errors import FaultError
    from respool.faults.abort import Abort
    from respool.faults.applying import Drawn, Draws, apply
    from respool.faults.bandwidth import Bandwidth
    from respool.faults.bom import Bom
    from respool.faults.burst import Burst
    from respool.faults.close import Close
    from respool.faults.comments import Comments
    from respool.faults.content_type import ContentType
    from respool.faults.cut import Cut
    from respool.faults.done import Done
    from respool.faults.drop import Drop
    from respool.faults.duplicate import Duplicate
    from respool.faults.empty_reply import EmptyReply
    from respool.faults.error_event import ErrorEvent
    from respool.faults.failed import Failed
    from respool.faults.fault import Category, Fault, Stage, kinds_of
    from respool.faults.gap import Gap
    from respool.faults.gzip import Gzip
    from respool.faults.half_frame import HalfFrame
    from respool.faults.huge_event import HugeEvent
    from respool.faults.id_lines import IdLines
    from respool.faults.incomplete import Incomplete
    from respool.faults.invalid_utf8 import InvalidUtf8
    from respool.faults.jitter import Jitter
    from respool.faults.latency import Latency
    from respool.faults.line_ends import LineEnds
    from respool.faults.merge import Merge
    from respool.faults.no_event_line import NoEventLine
    from respool.faults.no_space import NoSpace
    from respool.faults.no_terminal import NoTerminal
    from respool.faults.not_json import NotJson
    from respool.faults.places import Place, Unit
    from respool.faults.quota import Quota
    from respool.faults.rate_limit import RateLimit
    from respool.faults.refuse import Refuse
    from respool.faults.renumber import Renumber
    from respool.faults.reset_peer import ResetPeer
    from respool.faults.retry_line import RetryLine
    from respool.faults.slicer import Slicer
    from respool.faults.slow_close import SlowClose
    from respool.faults.slow_headers import SlowHeaders
    from respool.faults.split_data import SplitData
    from respool.faults.stall import Stall
    from respool.faults.status import Status
    from respool.faults.swap import Swap
    from respool.faults.syntax import make, parse, read
    from respool.faults.table import FAULTS
    from respool.faults.truncated_json import TruncatedJson
    from respool.faults.ttft import Ttft
    from respool.faults.unknown_event import UnknownEvent
    from respool.faults.wrong_event_name import WrongEventName

# Where each name lives. PEP 562: a module's __getattr__ is asked for what it lacks.
_HOMES = {
    "Abort": "respool.faults.abort",
    "Bandwidth": "respool.faults.bandwidth",
    "Bom": "respool.faults.bom",
    "Burst": "respool.faults.burst",
    "Category": "respool.faults.fault",
    "Close": "respool.faults.close",
    "Comments": "respool.faults.comments",
    "ContentType": "respool.faults.content_type",
    "Cut": "respool.faults.cut",
    "Done": "respool.faults.done",
    "Drawn": "respool.faults.applying",
    "Draws": "respool.faults.applying",
    "Drop": "respool.faults.drop",
    "Duplicate": "respool.faults.duplicate",
    "EmptyReply": "respool.faults.empty_reply",
    "ErrorEvent": "respool.faults.error_event",
    "FAULTS": "respool.faults.table",
    "Failed": "respool.faults.failed",
    "Fault": "respool.faults.fault",
    "FaultError": "respool.errors",
    "Gap": "respool.faults.gap",
    "Gzip": "respool.faults.gzip",
    "HalfFrame": "respool.faults.half_frame",
    "HugeEvent": "respool.faults.huge_event",
    "IdLines": "respool.faults.id_lines",
    "Incomplete": "respool.faults.incomplete",
    "InvalidUtf8": "respool.faults.invalid_utf8",
    "Jitter": "respool.faults.jitter",
    "Latency": "respool.faults.latency",
    "LineEnds": "respool.faults.line_ends",
    "Merge": "respool.faults.merge",
    "NoEventLine": "respool.faults.no_event_line",
    "NoSpace": "respool.faults.no_space",
    "NoTerminal": "respool.faults.no_terminal",
    "NotJson": "respool.faults.not_json",
    "Place": "respool.faults.places",
    "Quota": "respool.faults.quota",
    "RateLimit": "respool.faults.rate_limit",
    "Refuse": "respool.faults.refuse",
    "Renumber": "respool.faults.renumber",
    "ResetPeer": "respool.faults.reset_peer",
    "RetryLine": "respool.faults.retry_line",
    "Slicer": "respool.faults.slicer",
    "SlowClose": "respool.faults.slow_close",
    "SlowHeaders": "respool.faults.slow_headers",
    "SplitData": "respool.faults.split_data",
    "Stage": "respool.faults.fault",
    "Stall": "respool.faults.stall",
    "Status": "respool.faults.status",
    "Swap": "respool.faults.swap",
    "TruncatedJson": "respool.faults.truncated_json",
    "Ttft": "respool.faults.ttft",
    "Unit": "respool.faults.places",
    "UnknownEvent": "respool.faults.unknown_event",
    "WrongEventName": "respool.faults.wrong_event_name",
    "apply": "respool.faults.applying",
    "kinds_of": "respool.faults.fault",
    "make": "respool.faults.syntax",
    "parse": "respool.faults.syntax",
    "read": "respool.faults.syntax",
}

__all__ = [
    "FAULTS",
    "Abort",
    "Bandwidth",
    "Bom",
    "Burst",
    "Category",
    "Close",
    "Comments",
    "ContentType",
    "Cut",
    "Done",
    "Drawn",
    "Draws",
    "Drop",
    "Duplicate",
    "EmptyReply",
    "ErrorEvent",
    "Failed",
    "Fault",
    "FaultError",
    "Gap",
    "Gzip",
    "HalfFrame",
    "HugeEvent",
    "IdLines",
    "Incomplete",
    "InvalidUtf8",
    "Jitter",
    "Latency",
    "LineEnds",
    "Merge",
    "NoEventLine",
    "NoSpace",
    "NoTerminal",
    "NotJson",
    "Place",
    "Quota",
    "RateLimit",
    "Refuse",
    "Renumber",
    "ResetPeer",
    "RetryLine",
    "Slicer",
    "SlowClose",
    "SlowHeaders",
    "SplitData",
    "Stage",
    "Stall",
    "Status",
    "Swap",
    "TruncatedJson",
    "Ttft",
    "Unit",
    "UnknownEvent",
    "WrongEventName",
    "apply",
    "kinds_of",
    "make",
    "parse",
    "read",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
