"""The cases of a drill and the expected behaviour: a table, and ways to choose from it.

Rule 1. `survive`: the whole answer arrives, soon enough and in a form that the protocols allow. A client does
as it would without the fault.

Rule 2. `notice`: the answer is incomplete, or it has failed. No client can succeed, so its exit code must not
be 0.

Rule 3. `either`: a retry gets the answer, or the fault affects only what a client can do without.

Rule 4. `cope`: the stream is sound, but the model's output is not what was requested. A client may do
anything with it, but it must end.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

from respool.errors import OptionError
from respool.faults import Fault, parse
from respool.faults.socket import happens_on_sockets
from respool.protocol.events import TERMINAL_TYPES
from respool.recordings.recording import Recording


class Expect(StrEnum):
    """The expected behaviour of a client. With several faults, the member listed last here counts."""

    SURVIVE = "survive"
    EITHER = "either"
    COPE = "cope"
    NOTICE = "notice"

    @property
    def meaning(self) -> str:
        return _MEANINGS[self]


_MEANINGS = {
    Expect.SURVIVE: "to do as without the fault, which is harmless",
    Expect.EITHER: "to do as without the fault, or to fail",
    Expect.COPE: "to end, however it reads what the model says",
    Expect.NOTICE: "to fail: the answer is not all there",
}


@dataclass(frozen=True, slots=True)
class Case:
    """One case. `fault` is in the syntax of `respool.faults`; `why` describes the situation in the world."""

    name: str
    fault: str
    expect: Expect
    why: str
    quick: bool = False
    series: str = ""  # the name of the series to which it belongs: a report may summarise a series

    @property
    def faults(self) -> tuple[Fault, ...]:
        return parse(self.fault)

    @property
    def category(self) -> str:
        return self.faults[0].category

    def happens_over(self, transport: str) -> bool:
        """Return True if the faults can happen over this transport, http or websocket."""
        if transport == "http":
            return all(fault.category != "socket" for fault in self.faults)
        return all(happens_on_sockets(fault) for fault in self.faults)


SURVIVE, EITHER, COPE, NOTICE = Expect

# Places are fractions, so that every recording has them. Times are short: a client may wait a second, and the
# timeout finds a client that waits for ever. Times for a retry are short, too.
CASES: Sequence[Case] = (
    Case("bad-request", "status(code=400)", NOTICE, "the request is refused"),
    Case("bad-key", "status(code=401)", NOTICE, "the key is refused", quick=True),
    Case("forbidden", "status(code=403)", NOTICE, "the key may not do this"),
    Case("not-found", "status(code=404)", NOTICE, "the model or the path is not there"),
    Case("request-timeout", "status(code=408)", NOTICE, "the server says that it waited too long, each time"),
    Case("conflict", "status(code=409)", NOTICE, "the server says conflict, each time"),
    Case("too-large", "status(code=413)", NOTICE, "the request is too large"),
    Case("unprocessable", "status(code=422)", NOTICE, "the request makes no sense to the server"),
    Case("rate-limit", "rate_limit(retry_after=none, retry_after_ms=50)", NOTICE,
         "too many requests, each time"),
    Case("rate-limit-once", "rate_limit(retry_after=none, retry_after_ms=50, times=1)", EITHER,
         "too many requests, and then it works", quick=True),
    Case("quota", "quota", NOTICE, "there is no money left"),
    Case("server-error", "status(code=500)", NOTICE, "the server fails, each time"),
    Case("server-error-once", "status(code=500, times=1)", EITHER, "the server fails once", quick=True),
    Case("bad-gateway", "status(code=502)", NOTICE, "a proxy answers with a page in HTML", quick=True),
    Case("unavailable-twice", "status(code=503, times=2)", EITHER, "the server is away for two requests"),
    Case("overloaded-once", "status(code=529, times=1)", EITHER, "the server is overloaded for one request"),
    Case("not-json", "not_json", NOTICE, "200, but the body is the sign-in page of a network", quick=True),
    Case("content-type", "content_type", EITHER, "a sound stream which says that it is HTML"),
    Case("slow-headers", "slow_headers(seconds=1)", SURVIVE, "the head of the answer comes after a second"),
    Case("no-headers", "slow_headers(seconds=forever)", NOTICE, "the request is taken, and never answered"),
    Case("refused", "refuse", NOTICE, "the connection is reset before any byte, each time"),
    Case("refused-once", "refuse(times=1)", EITHER, "the connection is reset at once, and then it works",
         quick=True),
    Case("empty-reply", "empty_reply", NOTICE, "the connection is closed before any byte, each time"),
    Case("empty-reply-once", "empty_reply(times=1)", EITHER,
         "an idle connection was closed just when it was used again"),
    Case("latency", "latency(seconds=1)", SURVIVE, "the whole answer comes a second later", quick=True),
    Case("ttft", "ttft(seconds=1)", SURVIVE, "the model thinks for a second"),
    Case("jitter", "jitter(seconds=0.02)", SURVIVE, "events come at odd moments"),
    Case("pause", "stall(seconds=1)", SURVIVE, "the stream pauses for a second"),
    Case("stall", "stall", NOTICE, "the stream stops for ever, and the connection stays open", quick=True),
    Case("stall-at-start", "stall(after=0)", NOTICE, "after the head, nothing comes"),
    Case("stall-keepalive", "stall(keepalive=0.2)", NOTICE,
         "the stream stops for ever, but comments keep the connection busy", quick=True),
    Case("burst", "burst(seconds=1)", SURVIVE, "everything at once, after a second"),
    Case("bandwidth", "bandwidth(rate=32K)", SURVIVE, "a slow line"),
    Case("single-bytes", "slicer(size=1)", SURVIVE,
         "chunks of one byte: characters, lines and line ends are cut", quick=True),
    Case("odd-chunks", "slicer(size=64, variation=63)", SURVIVE, "chunks of any size"),
    Case("merged", "merge", SURVIVE, "a proxy gathers events to large chunks", quick=True),
    Case("crlf", "line_ends(kind=crlf)", SURVIVE, "lines end with CRLF", quick=True),
    Case("cr", "line_ends(kind=cr)", SURVIVE, "lines end with CR"),
    Case("crlf-single-bytes", "line_ends(kind=crlf); slicer(size=1)", SURVIVE, "CRLF is cut in two"),
    Case("no-space", "no_space", SURVIVE, "no space after the colon"),
    Case("split-data", "split_data", SURVIVE, "the data of an event is on two lines"),
    Case("bom", "bom", SURVIVE, "the stream begins with a byte order mark"),
    Case("comments", "comments", SURVIVE, "comments between events", quick=True),
    Case("ids", "id_lines", SURVIVE, "events have ids"),
    Case("retry-line", "retry_line", SURVIVE, "the stream begins with a time to reconnect"),
    Case("no-event-line", "no_event_line", SURVIVE, "the type of an event is only in its data", quick=True),
    Case("done", "done", SURVIVE, "the stream ends with data: [DONE]", quick=True),
    Case("gzip", "gzip", SURVIVE, "the body is compressed, if the client says that it may be"),
    Case("close-at-start", "close(after=0)", NOTICE, "a stream without events"),
    Case("close", "close", NOTICE, "the stream ends half-way, as if it were complete", quick=True),
    Case("no-terminal", "no_terminal", NOTICE, "the stream ends without its last event", quick=True),
    Case("half-frame", "half_frame", NOTICE, "the stream ends within its last event", quick=True),
    Case("cut", "cut", NOTICE, "the connection closes half-way"),
    Case("cut-at-end", "cut(after=100%)", EITHER, "all events come, but not the end of the body"),
    Case("abort-at-start", "abort(after=0)", NOTICE, "the connection closes after the head"),
    Case("abort", "abort", NOTICE, "the connection closes half-way, within a chunk", quick=True),
    Case("abort-once", "abort(times=1)", EITHER, "the connection closes half-way, once"),
    Case("reset", "reset_peer", NOTICE, "the connection is reset half-way"),
    Case("reset-at-end", "reset_peer(after=100%)", EITHER, "all events come, then the connection is reset"),
    Case("slow-close", "slow_close", EITHER, "all events come, but the stream does not end", quick=True),
    Case("drop", "drop", EITHER, "an event in the middle is lost", quick=True),
    Case("drop-first", "drop(at=1)", EITHER, "the first event is lost"),
    Case("duplicate", "duplicate", EITHER, "an event in the middle comes twice"),
    Case("swap", "swap", EITHER, "two events come in the wrong order"),
    Case("gap", "gap", EITHER, "a sequence number is left out"),
    Case("renumber", "renumber", EITHER, "sequence numbers begin with 1"),
    Case("unknown-event", "unknown_event", SURVIVE, "an event of a type that is new", quick=True),
    Case("truncated-json", "truncated_json", EITHER, "half of an event's JSON", quick=True),
    Case("invalid-utf8", "invalid_utf8", EITHER, "a byte that is no UTF-8"),
    Case("wrong-name", "wrong_event_name", EITHER, "the event: line says another type than the data"),
    Case("huge-event", "huge_event", SURVIVE, "an event of ten megabytes"),
    Case("error-event", "error_event", NOTICE, "an error event, nested as the service sends it", quick=True),
    Case("error-event-flat", "error_event(flat=true)", NOTICE, "an error event, flat as the SDKs' types say",
         quick=True),
    Case("failed", "failed", NOTICE, "the response fails half-way", quick=True),
    Case("failed-at-start", "failed(after=2)", NOTICE, "the response fails before there is any text"),
    Case("incomplete", "incomplete", NOTICE, "the response ends at its token limit", quick=True),
    Case("code-fence", "code_fence", COPE, "JSON comes in a code fence", quick=True),
    Case("code-fence-intro", 'code_fence(intro="Here is the JSON:")', COPE, "the same, after words"),
    Case("trailing-comma", "almost_json", COPE, "JSON with a comma too many"),
    Case("json-cut", "almost_json(kind=cut)", COPE, "JSON without its last bracket"),
    Case("python-dict", "almost_json(kind=python)", COPE, "a dict of Python for JSON"),
    Case("arguments-comma", "almost_json(of=arguments)", COPE, "arguments with a comma too many"),
    Case("empty-text", "empty_text", COPE, "a message that says nothing", quick=True),
    Case("refusal-in-answer", "refusal", COPE, "the model refuses in the middle of its answer"),
    Case("other-language", "other_language", COPE, "the answer is in Japanese"),
    Case("long-text", "long_text", COPE, "an answer of 200,000 characters"),
    Case("repeated-text", "repeated_text", COPE, "the model goes round in circles"),
    Case("odd-characters", "odd_characters", COPE, "control characters and marks of direction in the text",
         quick=True),
    Case("arguments-cut", "cut_arguments", COPE, "the arguments of a call break off", quick=True),
    Case("arguments-empty", "empty_arguments", COPE, "a call without arguments, not even {}"),
    Case("argument-types", "wrong_types", COPE, "arguments of other types than the tool says"),
    Case("argument-missing", "missing_argument", COPE, "a required argument is missing"),
    Case("tool-unknown", "unknown_tool", COPE, "a call of a tool that was not offered", quick=True),
    Case("call-twice", "same_call_twice", COPE, "the same call twice"),
    Case("call-twice-same-id", "same_call_twice(same_id=true)", COPE, "the same call twice, one call_id"),
    Case("text-and-call", "text_and_call", COPE, "a text and a call in one turn"),
    Case("call-after-answer", "call_after_answer", COPE, "one more call after the final answer"),
    Case("endless-calls", "endless_calls", COPE, "each answer is a call: an agent without limit never ends"),
    Case("item-unknown", "unknown_item", COPE, "an output item of a type that is new"),
    Case("socket-policy", "socket_close(code=1008, after=0)", NOTICE, "the socket is closed at once: policy"),
    Case("socket-too-big", "socket_close(code=1009, after=0)", NOTICE, "the socket is closed: too big"),
    Case("socket-broken", "socket_close(code=1006)", NOTICE, "the socket breaks half-way", quick=True),
    Case("socket-normal-close", "socket_close(code=1000)", NOTICE,
         "the socket is closed half-way, as if all were well", quick=True),
    Case("socket-error-close", "socket_close(code=1011)", NOTICE, "the socket is closed half-way: an error"),
    Case("socket-error-close-once", "socket_close(code=1011, times=1)", EITHER, "the same, once", quick=True),
    Case("socket-mute", "socket_mute(seconds=1)", NOTICE, "an error frame, silence, and a broken socket"),
    Case("socket-ping", "socket_ping", SURVIVE, "frames of another protocol between the events", quick=True),
    Case("socket-426", "socket_refused(code=426)", EITHER, "no WebSocket here: HTTP is still there",
         quick=True),
    Case("socket-401", "socket_refused(code=401)", EITHER, "the upgrade is refused: the key"),
    Case("socket-429-once", "socket_refused(code=429, times=1)", EITHER, "too many connections, once"),
)  # fmt: skip

# The named sets of cases. The name of a category or of a case is also a set.
SETS: Mapping[str, Callable[[Case], bool]] = {
    "quick": lambda case: case.quick,
    "all": lambda case: True,
    "cuts": lambda case: case.category == "end" and case.expect is NOTICE,
}


def choose(sets: str) -> list[Case]:
    """Return the cases that `sets` names, separated by commas: sets, categories, cases.

    Raise OptionError for an unknown name.
    """
    chosen: list[Case] = []
    for name in filter(None, map(str.strip, sets.split(","))):
        within = SETS.get(name)
        found = [case for case in CASES if (within(case) if within else name in (case.name, case.category))]
        if not found:
            categories = dict.fromkeys(case.category for case in CASES)
            nearest = get_close_matches(name, [*SETS, *categories, *(case.name for case in CASES)])
            raise OptionError(
                f"no set of cases is called {name}; expected {', '.join([*SETS, *categories])} or the name "
                f"of a case, as 'respool drill --list' has them"
                + (f"; nearest: {', '.join(nearest)}" if nearest else "")
            )
        chosen += found
    return list(dict.fromkeys(chosen))


def of_faults(text: str) -> Case:
    """Return a case with the user's own faults. Their classes determine the expectation.

    Raise OptionError for an empty text, FaultError for an invalid one.
    """
    faults = parse(text)
    if not faults:
        raise OptionError("there is no fault in an empty text; expected one such as abort(after=5)")
    written = "; ".join(map(str, faults))
    return Case(written, written, max(map(_expected, faults), key=list(Expect).index), "a fault of your own")


def _expected(fault: Fault) -> Expect:
    # A fault that does not happen each time may be absent in a retry, or may not happen at all.
    always = fault.times is None and fault.probability == 1
    expect = Expect(fault.expect)
    return EITHER if expect is NOTICE and not always else expect


def cuts(recording: Recording, how: str = "close") -> list[Case]:
    """Return a case for each event up to the terminal one: the fault `how` ends the recording before it."""
    types = [timed.event.type for timed in recording.events]
    last = next((place for place, name in enumerate(types) if name in TERMINAL_TYPES), len(types) - 1)
    return [
        Case(
            f"{how}-{place}",
            f"{how}(after={place})",
            NOTICE,
            f"the stream ends after {place} of {len(types)} events, before {types[place]}",
            series=how,
        )
        for place in range(last + 1)
    ]
