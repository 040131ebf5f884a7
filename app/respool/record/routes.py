"""The requests that are recorded, by method and path; all others are only relayed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

CREATE, RETRIEVE, CANCEL = "create", "retrieve", "cancel"

_ID = r"(?P<id>[^/]+)"
ROUTES: Sequence[tuple[str, re.Pattern[str], str]] = tuple(
    (method, re.compile(pattern), kind)
    for method, pattern, kind in (
        ("POST", r"(?:/[^?]*)?/responses", CREATE),
        ("GET", rf"(?:/[^?]*)?/responses/{_ID}", RETRIEVE),
        ("POST", rf"(?:/[^?]*)?/responses/{_ID}/cancel", CANCEL),
    )
)
_SESSION = re.compile(r"/s/([^/]+)(?=/)")
_NAME = re.compile(r"/r/(.+?)(?=/v1(?:/|\Z))")
# Paths below /responses that are no ids.
_NO_IDS = frozenset({"input_tokens", "compact"})


@dataclass(frozen=True, slots=True)
class Route:
    """The target of a request. `kind` is "" if it is not recorded. `path` has none of Respool's prefixes, and
    is percent-encoded as it came."""

    path: str
    kind: str = ""
    id: str = ""
    session: str = ""
    name: str = ""


def route(method: str, path: str) -> Route:
    """Return the target of a request. The prefixes ``/s/SESSION`` and ``/r/NAME`` name the recording."""
    session = name = ""
    if found := _SESSION.match(path):
        session, path = unquote(found[1]), path[found.end() :]
    if found := _NAME.match(path):
        name, path = unquote(found[1]), path[found.end() :]
    for verb, pattern, kind in ROUTES:
        if verb == method and (found := pattern.fullmatch(path)):
            id_ = unquote(found.groupdict().get("id") or "")
            if id_ not in _NO_IDS:
                return Route(path, kind, id_, session, name)
    return Route(path, session=session, name=name)
