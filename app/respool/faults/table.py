"""FAULTS: every fault by its name. To add one, write a file with its class and add it here."""

from collections.abc import Mapping
from types import MappingProxyType

from respool.faults.abort import Abort
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
from respool.faults.fault import Fault
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
from respool.faults.truncated_json import TruncatedJson
from respool.faults.ttft import Ttft
from respool.faults.unknown_event import UnknownEvent
from respool.faults.wrong_event_name import WrongEventName

_BEFORE = (Status, RateLimit, Quota, NotJson, ContentType, SlowHeaders, Refuse, EmptyReply)
_TIME = (Latency, Ttft, Jitter, Stall, Burst, Bandwidth)
_WIRE = (
    Slicer, Merge, LineEnds, NoSpace, SplitData, Bom, Comments, IdLines, RetryLine, NoEventLine, Done, Gzip,
)  # fmt: skip
_END = (Close, Cut, Abort, ResetPeer, HalfFrame, NoTerminal, SlowClose)
_EVENTS = (
    Drop, Duplicate, Swap, Gap, Renumber, UnknownEvent, TruncatedJson, InvalidUtf8, WrongEventName, HugeEvent,
    ErrorEvent, Failed, Incomplete,
)  # fmt: skip

FAULTS: Mapping[str, type[Fault]] = MappingProxyType(
    {fault.name: fault for fault in (*_BEFORE, *_TIME, *_WIRE, *_END, *_EVENTS)}
)
