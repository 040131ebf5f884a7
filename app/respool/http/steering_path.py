"""What a request asks of its answer, where its client cannot set headers: in the path, or in the query.

    /r/text/hello/with/fault=abort(after=5)/hold=after=3/pace=2/v1     below a recording's name
    ?x-respool-fault=abort(after=5)&x-respool-hold=after=3             in the query

Each is read as if it were the header of that name.
"""

from collections.abc import Sequence
from urllib.parse import parse_qsl

_WITH = "/with/"
_IN_PATHS = ("fault", "hold", "pace")
_NAMES = (*_IN_PATHS, "play", "session", "clock")
_PREFIX = "x-respool-"

Header = tuple[bytes, bytes]
Headers = list[Header]


def split_path(head: str) -> tuple[str, Headers]:
    """Return the name that is left of a path below ``/r/``, and the headers that the rest stands for. What is
    no such rest stays part of the name."""
    name, found, rest = head.partition(_WITH)
    if not found:
        return head, []
    headers = []
    for part in rest.split("/"):
        key, equals, value = part.partition("=")
        if not equals or key not in _IN_PATHS:
            return head, []
        headers.append(_header(key, value))
    return name, headers


def from_query(query: bytes) -> Headers:
    """Return the headers that a query stands for."""
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=1000)
    known: Sequence[str] = [f"{_PREFIX}{name}" for name in _NAMES]
    return [_header(key.removeprefix(_PREFIX), value) for key, value in pairs if key in known]


def without_ours(query: bytes) -> bytes:
    """Return a query without what is said to us; all else as it was sent."""
    if _PREFIX.encode() not in query:
        return query
    ours = tuple(f"{_PREFIX}{name}=".encode() for name in _NAMES)
    return b"&".join(pair for pair in query.split(b"&") if not pair.startswith(ours))


def _header(name: str, value: str) -> Header:
    # As ASGI gives it: clients send UTF-8.
    return f"{_PREFIX}{name}".encode(), value.encode("utf-8", "replace")
