"""``/__admin/recordings``: the recordings; uploads of a test, in memory."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as HTTPRequest

from respool.errors import OptionError, RecordingError, RequestError, printable
from respool.http.admin.base_models import AdminModel, example
from respool.recordings import formats
from respool.recordings.recording import Recording
from respool.recordings.store import check_name
from respool.server.mock_server import MockServer

MOST_CHECKED = 200  # recordings of a list
MOST_EVENTS_CHECKED = 20_000  # of a recording, where a list is checked
MOST_CHECKS_KEPT = 20_000

# What may be uploaded, and the suffix that its format is known by. No name gets through without one: Scripts
# are known by theirs, and may name files of this machine.
_KINDS = {
    "application/json": ".jsonl",
    "application/jsonl": ".jsonl",
    "application/x-ndjson": ".jsonl",
    "application/octet-stream": ".upload",
    "text/event-stream": ".sse",
}


class TurnView(AdminModel):
    """One answer of a recording."""

    name: str
    status: int
    events: int
    note: str
    faults: list[str]
    has_request: bool  # the request that it answered is known
    plays: int  # in all sessions since the start


class RecordingView(AdminModel):
    """A recording."""

    model_config = example(
        name="text/hello",
        source="fixtures/text/hello.jsonl",
        format="jsonl",
        size=4711,
        uploaded=False,
        turns=[
            {
                "name": "text/hello",
                "status": 200,
                "events": 12,
                "note": "",
                "faults": [],
                "has_request": True,
                "plays": 3,
            }
        ],
    )
    name: str
    source: str | None  # the path of its file; None: it was uploaded
    format: str | None
    size: int | None  # bytes
    uploaded: bool
    findings_by_level: dict[str, int] | None = None  # what a check finds; None: it was not asked for
    turns: list[TurnView]


class Finding(AdminModel):
    """Something that a check found: see docs/checks.md."""

    code: str
    level: str
    message: str
    turn: int
    line: int | None


class RecordingDetail(RecordingView):
    """A recording, checked."""

    findings: list[Finding]


class Refused(AdminModel):
    """A file that cannot be used."""

    name: str
    error: str
    kept: bool  # its last good version is still served


class RecordingList(AdminModel):
    """Recordings, by name."""

    recordings: list[RecordingView]
    refused: list[Refused]
    total: int  # recordings that meet the conditions
    formats: list[str]  # of all recordings


class Removed(AdminModel):
    """What was removed."""

    name: str
    removed: Literal[True] = True


def router(server: MockServer) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/recordings", tags=["recordings"])
    store = server.store
    uploads = server.uploads
    checks = _Checks()

    @routes.get("", summary="List recordings")
    def recordings(
        text: Annotated[str, Query(description="A part of the name or of a note.", max_length=200)] = "",
        format: Annotated[str | None, Query(description="The format of its file.")] = None,
        offset: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int | None, Query(ge=1, description="Left out: all.")] = None,
        checked: Annotated[
            bool, Query(description=f"Say what a check finds, of at most {MOST_CHECKED} recordings.")
        ] = False,
    ) -> RecordingList:
        """List recordings by name, and the files that are refused."""
        sources = store.sources
        known = {name: _format(sources.get(name)) for name in store.names}
        words = text.casefold().split()
        found = [
            name
            for name, kind in known.items()
            if format in (None, kind) and (not words or _has(words, name, store.turns(name)))
        ]
        page = found[offset : None if limit is None else offset + limit]
        views = [_view(server, name, sources) for name in page]
        if checked:
            for view in views[:MOST_CHECKED]:
                view.findings_by_level = checks.levels(store.turns(view.name))
        return RecordingList(
            recordings=views,
            refused=[
                Refused(name=refusal.name, error=str(refusal.error), kept=refusal.kept)
                for refusal in store.refused
            ],
            total=len(found),
            formats=sorted({kind for kind in known.values() if kind}),
        )

    @routes.get("/{name:path}", summary="Get a recording")
    def recording(name: str) -> RecordingDetail:
        """Get a recording, with what a check finds."""
        if not store.turns(name):
            raise _missing(name)
        seen = _view(server, name, store.sources)
        return RecordingDetail(**dict(seen), findings=list(_findings(store.turns(name))))

    # The body is no parameter: it is the recording's own text, and is read as it is.
    @routes.put(
        "/{name:path}",
        summary="Upload a recording",
        openapi_extra={"requestBody": {"required": True, "content": _CONTENT}},
    )
    async def upload(name: str, http: HTTPRequest) -> RecordingView:
        """Serve a recording from memory alone, until it is removed or the server ends. An uploaded one of the
        same name is replaced; one of a file is not."""
        kind = http.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in _KINDS:
            raise RequestError(
                f"The content type is {printable(kind)}; expected one of {', '.join(_KINDS)}.",
                status=415,
                code="unsupported_content_type",
            )
        check_name(name)
        data = await http.body()
        try:
            found, turns = await run_in_threadpool(uploads.read, name, _KINDS[kind], data)
        except RecordingError as error:
            raise RequestError(f"{error}.", code="invalid_recording") from None
        uploads.check_room(name, found)
        try:
            uploads.put(name, found, turns)
        except OptionError as error:
            raise RequestError(f"{error}.", status=409, code="name_taken") from None
        try:
            await server.state.publish(name, found, data)
        except RequestError:  # no other server has it
            uploads.remove(name)
            raise
        return _view(server, name, store.sources)

    @routes.delete("/{name:path}", summary="Remove an uploaded recording")
    async def remove(name: str) -> Removed:
        """Forget a recording that was uploaded. Those of files stay: what is on disk is not touched."""
        if not uploads.remove(name):
            if store.turns(name):
                raise RequestError(
                    f"{printable(name)} is the recording of a file; only uploaded ones can be removed.",
                    status=409,
                    code="not_uploaded",
                )
            raise _missing(name)
        await server.state.withdraw(name)
        return Removed(name=name)

    return routes


_CONTENT = {
    "application/jsonl": {
        "schema": {"type": "string"},
        "example": '{"respool": 1}\n[0.1, {"type":"response.created","response":{"id":"resp_1"}}]\n',
    },
    "text/event-stream": {"schema": {"type": "string"}},
}


def _missing(name: str) -> RequestError:
    return RequestError(f'There is no recording "{printable(name)}".', status=404, code="not_found")


def _view(server: MockServer, name: str, sources: Mapping[str, str]) -> RecordingView:
    source, upload = sources.get(name), server.uploads.known.get(name)
    size = upload.size if upload else None
    if source is not None:
        with suppress(OSError):
            size = os.stat(source).st_size
    return RecordingView(
        name=name,
        source=source,
        format=_format(source),
        size=size,
        uploaded=source is None,
        turns=[
            TurnView(
                name=turn.name,
                status=turn.header.status,
                events=len(turn.events),
                note=turn.header.note,
                faults=[str(fault) for fault in turn.header.faults],
                has_request=bool(turn.header.request),
                plays=server.state.plays[turn.name],
            )
            for turn in server.store.turns(name)
        ],
    )


def _format(source: str | None) -> str | None:
    return None if source is None else formats.by_suffix(source)


def _has(words: Sequence[str], name: str, turns: Sequence[Recording]) -> bool:
    """Return whether a recording's name and notes have all these words."""
    text = " ".join([name, *(turn.header.note for turn in turns)]).casefold()
    return all(word in text for word in words)


class _Checks:
    """What a check finds of each recording, kept as long as the recording is the same."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[tuple[Recording, ...], dict[str, int] | None]] = {}

    def levels(self, turns: tuple[Recording, ...]) -> dict[str, int] | None:
        """Return how many findings there are of each level; None for what is too long for a list."""
        name = turns[0].name
        known = self._kept.get(name)
        if known is None or known[0] is not turns:
            short = sum(len(turn.events) for turn in turns) <= MOST_EVENTS_CHECKED
            found = dict(Counter(one.level for one in _findings(turns))) if short else None
            if len(self._kept) >= MOST_CHECKS_KEPT:
                self._kept.clear()
            known = self._kept[name] = turns, found
        return known[1]


def _findings(turns: Sequence[Recording]) -> Iterator[Finding]:
    from respool.check import checker  # late: it is seldom asked for

    for number, turn in enumerate(turns, start=1):
        for found in checker.check([timed.event for timed in turn.events]) if turn.events else ():
            line = None if found.event is None else turn.events[found.event].line
            yield Finding(
                code=found.code, level=str(found.level), message=found.message, turn=number, line=line
            )
