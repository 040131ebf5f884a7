"""RequestFilter: conditions on requests of the journal, and the conditions that a request fails."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Protocol, TypedDict, TypeVar

from respool.errors import OptionError, printable
from respool.match import pointers
from respool.protocol.events import compact

LONGEST_EXPRESSION = 2000  # characters of a JMESPath expression
DEEPEST = 60  # levels of an expected body


class Conditions(TypedDict, total=False):
    """Conditions on a request. All that are given must hold.

    session    the name of its session; "" is the default session
    method     the HTTP method
    path       the path as it was sent; ``*`` stands for any characters
    status     the HTTP status of its answer
    recording  the name of the recording that was played
    matched    whether a recording answered it
    unmatched  whether it requested a response, and no recording answered
    pending    whether its answer has not ended
    since      the earliest arrival, in seconds since 1970
    model      the parameter `model`
    text       a part of the user's last text
    headers    values of headers; true: it was sent, false: it was not. Secrets are masked
    body       a part of the body: members of objects, elements of arrays in this order
    pointers   values in the body, by JSON pointers (RFC 6901)
    jmespath   an expression that is true of the body
    """

    session: str | None
    method: str | None
    path: str | None
    status: int | None
    recording: str | None
    matched: bool | None
    unmatched: bool | None
    pending: bool | None
    since: float | None
    model: str | None
    text: str | None
    headers: Mapping[str, str | bool] | None
    body: Any
    pointers: Mapping[str, Any] | None
    jmespath: str | None


class Viewed(Protocol):
    """The interface of a request to a filter; see `SeenRequest`."""

    @property
    def session(self) -> str: ...
    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def status(self) -> int | None: ...
    @property
    def recording(self) -> str | None: ...
    @property
    def matched(self) -> bool: ...
    @property
    def unmatched(self) -> bool: ...
    @property
    def pending(self) -> bool: ...
    @property
    def received(self) -> float: ...
    @property
    def model(self) -> str | None: ...
    @property
    def input_text(self) -> str: ...
    @property
    def json(self) -> Any: ...
    def header(self, name: str) -> str | None: ...


V = TypeVar("V", bound=Viewed)


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """Conditions on requests, as in `Conditions`; None: any value.

    Raises OptionError for an invalid pointer or expression, and for a body that is nested too deeply.
    """

    session: str | None = None
    method: str | None = None
    path: str | None = None
    status: int | None = None
    recording: str | None = None
    matched: bool | None = None
    unmatched: bool | None = None
    pending: bool | None = None
    since: float | None = None
    model: str | None = None
    text: str | None = None
    headers: Mapping[str, str | bool] | None = None
    body: Any = None
    pointers: Mapping[str, Any] | None = None
    jmespath: str | None = None
    _compiled: Any = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not _shallow(self.body) or not _shallow(self.pointers):
            raise OptionError(f"the expected body is nested deeper than {DEEPEST} levels")
        for pointer in self.pointers or ():
            parts_of(pointer)
        if self.jmespath is not None:
            object.__setattr__(self, "_compiled", _compile(self.jmespath))

    def __str__(self) -> str:
        given = [
            f"{one.name} {_shown(value)}"
            for one in fields(self)
            if one.init and (value := getattr(self, one.name)) is not None
        ]
        return f"with {', '.join(given)}" if given else "of any kind"

    def matches(self, request: Viewed) -> bool:
        """Return True if a request meets all conditions."""
        return next(self.misses(request), None) is None

    def of(self, requests: Iterable[V]) -> list[V]:
        """Return the requests that meet all conditions."""
        return [request for request in requests if self.matches(request)]

    def misses(self, request: Viewed) -> Iterator[str]:
        """Yield each condition that a request does not meet, cheap ones first."""
        for name, get in _SAME.items():
            expected = getattr(self, name)
            if expected is not None and (value := get(request)) != expected:
                yield f"{name} is {_shown(value)}, expected {_shown(expected)}"
        if self.method is not None and request.method != self.method.upper():
            yield f"method is {request.method}, expected {self.method.upper()}"
        if self.path is not None and not _like(self.path, request.path):
            yield f"path is {printable(request.path)}, expected {printable(self.path)}"
        if self.since is not None and request.received < self.since:
            yield f"it came {self.since - request.received:.3f} s earlier than expected"
        for name, wanted in (self.headers or {}).items():
            sent = request.header(name)
            shown = "not sent" if sent is None else _shown(sent)
            if isinstance(wanted, bool) and (sent is not None) != wanted:
                yield f"header {printable(name)} is {shown}, expected {'any value' if wanted else 'not sent'}"
            elif isinstance(wanted, str) and sent != wanted:
                yield f"header {printable(name)} is {shown}, expected {_shown(wanted)}"
        yield from self._misses_of_body(request)

    def _misses_of_body(self, request: Viewed) -> Iterator[str]:
        if self.model is not None and request.model != self.model:
            yield f"model is {_shown(request.model)}, expected {_shown(self.model)}"
        if self.text is not None and self.text not in (text := request.input_text):
            yield f"the user's last text is {_shown(text)}, expected a part {_shown(self.text)}"
        if self.body is not None:
            yield from differences(self.body, request.json)
        for pointer, expected in (self.pointers or {}).items():
            found, value = look_up(request.json, pointer)
            if not found or not same(expected, value):
                is_ = _shown(value) if found else "not there"
                yield f"body {printable(pointer)} is {is_}, expected {_shown(expected)}"
        if self.jmespath is not None and not is_true(self._compiled, request.json):
            yield f"the body does not meet {printable(self.jmespath)}"


_SAME: Mapping[str, Callable[[Viewed], Any]] = {
    "session": lambda request: request.session,
    "status": lambda request: request.status,
    "recording": lambda request: request.recording,
    "matched": lambda request: request.matched,
    "unmatched": lambda request: request.unmatched,
    "pending": lambda request: request.pending,
}


def differences(expected: Any, value: Any, at: str = "") -> Iterator[str]:
    """Yield the places at which a JSON value lacks what is expected. An object needs the expected members, an
    array the elements in this order; other values must be equal."""
    where = f"body {printable(at)}" if at else "body"
    match expected, value:
        case dict(), dict():
            for name, one in expected.items():
                below = at + pointers.write([name])
                if name in value:
                    yield from differences(one, value[name], below)
                else:
                    yield f"body {printable(below)} is not there, expected {_shown(one)}"
        case list(), list():
            rest = iter(value)
            for one in expected:
                if not any(next(differences(one, other), None) is None for other in rest):
                    yield f"{where} lacks {_shown(one)}, in the order that is expected"
                    return
        case _:
            if not same(expected, value):
                yield f"{where} is {_shown(value)}, expected {_shown(expected)}"


def same(one: Any, other: Any) -> bool:
    """Return True if two JSON values are the same: 1 is 1.0, but never true."""
    match one, other:
        case dict(), dict():
            return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
        case list(), list():
            return len(one) == len(other) and all(map(same, one, other))
        case (bool(), _) | (_, bool()):
            return one is other
        case _:
            return bool(one == other)


def parts_of(pointer: str) -> pointers.Parts:
    """Return the parts of a JSON pointer; "" leads to all. Raise OptionError."""
    try:
        return pointers.parse(pointer) if pointer else ()
    except ValueError as error:
        raise OptionError(f"{printable(pointer)} is no JSON pointer: {error}") from None


def look_up(value: Any, pointer: str) -> tuple[bool, Any]:
    """Return whether a pointer leads to a value, and the value."""
    for part in parts_of(pointer):
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and _INDEX.fullmatch(part) and int(part) < len(value):
            value = value[int(part)]
        else:
            return False, None
    return True, value


_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")


def _compile(expression: str) -> Any:
    if len(expression) > LONGEST_EXPRESSION:
        raise OptionError(
            f"the JMESPath expression has {len(expression)} characters, expected at most {LONGEST_EXPRESSION}"
        )
    import jmespath  # late: few use it

    try:
        return jmespath.compile(expression)
    except (jmespath.exceptions.JMESPathError, RecursionError) as error:
        cause = str(error).partition("\n")[0] or "nested too deeply"
        raise OptionError(f"{printable(expression)} is no JMESPath expression: {printable(cause)}") from None


def is_true(compiled: Any, value: Any) -> bool:
    """Return True if an expression finds a true value, as JMESPath defines it: 0 is true, empty values are
    not. An expression that cannot be applied is not true."""
    import jmespath

    try:
        found = compiled.search(value)
    except (jmespath.exceptions.JMESPathError, TypeError, ValueError, RecursionError):
        return False
    return bool(found) or (found == 0 and found is not False)


def _like(pattern: str, path: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, re.split(r"\*+", pattern))), path, re.DOTALL) is not None


def _shallow(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [
            member
            for one in level
            if isinstance(one, dict | list)
            for member in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return True
    return False


def _shown(value: Any) -> str:
    """Return a value for a message: JSON, shortened."""
    try:
        return printable(compact(value), 120)
    except (TypeError, ValueError, RecursionError):
        return printable(repr(value), 120)
