"""Faults: what goes wrong with an answer. FAULTS is the table of them; each is a frozen dataclass in a file
of its own, a function from frames to frames. They know nothing of HTTP. See docs/faults.md.
"""

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
