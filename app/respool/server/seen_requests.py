"""SeenRequest: a request of the journal, for a test. SeenRequests: a sequence of them."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Unpack, overload

from respool.protocol.events import loads
from respool.scripts.improvise.request_reading import ToolOutput, last_words, request_items, tool_outputs
from respool.server.journal import Exchange, Journal
from respool.server.request_filter import Conditions, RequestFilter
from respool.server.verify import Times, check_count


class SeenRequest:
    """A request that the server has received, and its answer.

    Values are read on access: while it is in progress, `status`, `events` and others may still change.
    """

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    def __repr__(self) -> str:
        return f"<SeenRequest {self}>"

    def __str__(self) -> str:
        return f"{self.number}  {self.exchange}"

    @property
    def number(self) -> int:
        """Its number in the order of arrival, from 1."""
        return self.exchange.number

    @property
    def request_id(self) -> str:
        """The header ``x-request-id`` of its answer."""
        return self.exchange.request_id

    @property
    def session(self) -> str:
        """The name of its session; "" is the default session."""
        return self.exchange.session

    @property
    def method(self) -> str:
        """The HTTP method."""
        return self.exchange.method

    @property
    def path(self) -> str:
        """The path as it was sent."""
        return self.exchange.path

    @property
    def received(self) -> float:
        """The time of its arrival, in seconds since 1970."""
        return self.exchange.received

    @property
    def status(self) -> int | None:
        """The HTTP status of its answer; None if that has not begun."""
        return self.exchange.status

    @property
    def recording(self) -> str | None:
        """The name of the recording that was played."""
        return self.exchange.recording

    @property
    def matched(self) -> bool:
        """True if it requested a response and a recording answered."""
        return self.exchange.recording is not None

    @property
    def relayed(self) -> bool:
        """True if an upstream has answered it."""
        return self.exchange.relayed

    @property
    def unmatched(self) -> bool:
        """True if it requested a response and no recording answered."""
        return self.exchange.unmatched

    @property
    def pending(self) -> bool:
        """True if its answer has not ended."""
        return self.exchange.seconds is None

    @property
    def ended(self) -> str:
        """How its answer ended, if not properly."""
        return self.exchange.ended

    @property
    def why(self) -> str:
        """Why this answered, or why nothing did."""
        return self.exchange.why

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, by name in lower case, with secrets masked."""
        return self.exchange.headers

    def header(self, name: str) -> str | None:
        """Return the value of a header; None if it was not sent. Secrets are masked."""
        return self.headers.get(name.lower())

    @property
    def body(self) -> bytes:
        """The body as it was read, inflated; empty if it is no longer kept (`exchange.body_dropped`)."""
        return self.exchange.body

    @cached_property
    def _parsed(self) -> tuple[bytes, Any]:
        return self.exchange.body, parsed(self.exchange.body)

    @property
    def json(self) -> Any:
        """The body as data; None if it is no JSON."""
        text, value = self._parsed
        if text is not self.exchange.body:  # the body has come, or was dropped, since
            del self._parsed
            _, value = self._parsed
        return value

    @property
    def _object(self) -> Mapping[str, Any]:
        value = self.json
        return value if isinstance(value, dict) else {}

    @property
    def model(self) -> str | None:
        """The parameter `model`."""
        value = self._object.get("model")
        return value if isinstance(value, str) else None

    @property
    def input(self) -> Sequence[Mapping[str, Any]]:
        """The items of the parameter `input`; a string is one message of the user."""
        return request_items(self._object)

    @property
    def input_text(self) -> str:
        """The last text of the user."""
        return last_words(self.input)

    @property
    def tool_outputs(self) -> tuple[ToolOutput, ...]:
        """The outputs of tools, in order: each has `name`, `text`, `call_id`."""
        return tuple(tool_outputs(self.input))


def parsed(body: bytes) -> Any:
    """Return the value of a JSON text; None if it is invalid."""
    if not body:
        return None
    try:
        return loads(body)
    except (ValueError, RecursionError):
        return None


class SeenRequests(Sequence[SeenRequest]):
    """Requests that a server has received, oldest first: a snapshot of the journal."""

    def __init__(self, requests: Sequence[SeenRequest]) -> None:
        self._requests = tuple(requests)

    @classmethod
    def of(cls, journal: Journal) -> "SeenRequests":
        """Return all requests of the journal."""
        return cls([SeenRequest(exchange) for exchange in journal])

    def __len__(self) -> int:
        return len(self._requests)

    @overload
    def __getitem__(self, index: int) -> SeenRequest: ...
    @overload
    def __getitem__(self, index: slice) -> "SeenRequests": ...
    def __getitem__(self, index: int | slice) -> "SeenRequest | SeenRequests":
        if isinstance(index, slice):
            return SeenRequests(self._requests[index])
        try:
            return self._requests[index]
        except IndexError:
            raise IndexError(f"there is no request {index}: {self._summary()}") from None

    def __iter__(self) -> Iterator[SeenRequest]:
        return iter(self._requests)

    def __repr__(self) -> str:
        return f"<SeenRequests: {self._summary()}>"

    def _summary(self) -> str:
        return "the server has got none" if not self else "\n  ".join(["these came:", *map(str, self[-20:])])

    @property
    def last(self) -> SeenRequest:
        """The latest request. Raise IndexError if there is none."""
        return self[-1]

    @property
    def unmatched(self) -> "SeenRequests":
        """The requests that no recording answered."""
        return SeenRequests([request for request in self if request.unmatched])

    def filter(self, **conditions: Unpack[Conditions]) -> "SeenRequests":
        """Return the requests that meet all conditions. Raise OptionError for an invalid condition."""
        return SeenRequests(RequestFilter(**conditions).of(self))

    def assert_called(self, *, times: int | Times | None = None, **conditions: Unpack[Conditions]) -> None:
        """Raise AssertionError unless `times` requests meet the conditions; by default at least one. Raises
        OptionError for an invalid condition."""
        __tracebackhide__ = True  # pytest shows the line of the test
        given = Times(exactly=times) if isinstance(times, int) else times or Times()
        if failure := check_count(self, RequestFilter(**conditions), given):
            raise AssertionError(failure)
