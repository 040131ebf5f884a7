"""``/__admin/requests``: what was asked, what answered and why, and how it ended."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from respool.errors import RequestError, printable
from respool.http.admin.base_models import AdminModel, AnySession, RequiredSession, example
from respool.server.mock_server import MockServer
from respool.server.request_filter import RequestFilter
from respool.server.seen_requests import SeenRequest, SeenRequests

MOST_SHOWN = 256 * 1024  # bytes of a body


class RequestView(AdminModel):
    """A request and its answer, in short."""

    model_config = example(
        id=7,
        request_id="req_0123456789abcdef0123456789abcdef",
        session="checkout",
        received=1767225600.25,
        method="POST",
        path="/v1/responses",
        status=200,
        recording="text/hello",
        response_id="resp_1",
        matched=True,
        unmatched=False,
        pending=False,
        why="",
        ended="",
        events=12,
        seconds=1.25,
        lateness=0.0003,
        faults=[],
    )
    id: int  # in the order of arrival, from 1
    request_id: str  # the header x-request-id of its answer
    session: str
    received: float  # seconds since 1970
    method: str
    path: str
    status: int | None  # None: its answer has not begun, or the client left before
    recording: str | None
    response_id: str
    matched: bool  # a recording answered
    unmatched: bool  # it asked for a response, and no recording answered
    pending: bool  # its answer has not ended
    why: str  # why this answered, or why nothing did
    ended: str  # how it ended, if not as it should: "client left", "cut by the server", a fault
    events: int  # sent
    seconds: float | None  # from the request to the end of its answer
    lateness: float  # seconds by which the latest event came after its moment
    faults: list[str]  # what was to go wrong


class RequestDetail(RequestView):
    """A request and its answer. Secrets in headers and the query are masked."""

    client: str  # its address
    query: str
    headers: dict[str, str]
    body: Any  # data, or text where it is no JSON or is cut; None: it is not kept
    body_size: int  # bytes, inflated
    body_cut: bool  # only the beginning is shown
    body_dropped: bool  # it was too large to be kept, or is too old
    input_text: str  # the last text of the user
    tool_outputs: list[dict[str, str]]
    near_misses: list[dict[str, Any]]  # the recordings that nearly answered


class Meta(AdminModel):
    """Where a page is."""

    total: int  # requests that meet the conditions
    next: int | None  # the value of `after` for the next page; None: there is none


class RequestList(AdminModel):
    """A page of requests, oldest first."""

    requests: list[RequestView]
    meta: Meta


class Cleared(AdminModel):
    """How many requests were forgotten."""

    session: str
    cleared: int


def router(server: MockServer) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/requests", tags=["requests"])

    # A function that is not async runs in a thread: to look at many bodies takes long, and streams should
    # go on meanwhile.
    @routes.get("", summary="List requests")
    def requests(
        session: AnySession = None,
        method: str | None = None,
        path: Annotated[
            str | None, Query(description="As it was sent; `*` stands for any characters.")
        ] = None,
        status: int | None = None,
        recording: str | None = None,
        matched: Annotated[bool | None, Query(description="A recording answered.")] = None,
        unmatched: Annotated[
            bool | None, Query(description="It asked for a response, and no recording answered.")
        ] = None,
        pending: Annotated[bool | None, Query(description="Its answer has not ended.")] = None,
        since: Annotated[float | None, Query(description="Seconds since 1970.")] = None,
        model: str | None = None,
        text: Annotated[str | None, Query(description="A part of the user's last text.")] = None,
        after: Annotated[int, Query(ge=0, description="The id of the request before the page.")] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> RequestList:
        """List the requests that meet all conditions, oldest first. The latest 1000 are remembered."""
        wanted = RequestFilter(
            session=session, method=method, path=path, status=status, recording=recording, matched=matched,
            unmatched=unmatched, pending=pending, since=since, model=model, text=text,
        )  # fmt: skip
        found = wanted.of(SeenRequests.of(server.journal))
        rest = [request for request in found if request.number > after]
        page = rest[:limit]
        return RequestList(
            requests=[view(request) for request in page],
            meta=Meta(total=len(found), next=page[-1].number if len(rest) > len(page) else None),
        )

    @routes.delete("", summary="Forget the requests of a session")
    async def clear(session: RequiredSession) -> Cleared:
        """Forget the requests of one session, and nothing else of it."""
        before = len(server.journal)
        await server.state.forget_requests(session)
        return Cleared(session=session, cleared=before - len(server.journal))

    @routes.get("/{id}", summary="Get a request")
    def request(id: str) -> RequestDetail:
        """Get a request by its id, or by the `x-request-id` of its answer (the latest one that has it)."""
        found = [one for one in SeenRequests.of(server.journal) if id in (str(one.number), one.request_id)]
        if not found:
            raise RequestError(
                f"There is no request {printable(id)}; it may have been forgotten since.",
                status=404,
                code="not_found",
            )
        return detail(found[-1])

    return routes


def view(request: SeenRequest) -> RequestView:
    """Return a request in short."""
    return RequestView(**_fields(request))


def detail(request: SeenRequest) -> RequestDetail:
    """Return all of a request that may be shown."""
    exchange = request.exchange
    body = exchange.body
    cut = len(body) > MOST_SHOWN
    shown: Any = None
    if body:
        shown = None if cut else request.json
        if shown is None:
            shown = body[:MOST_SHOWN].decode("utf-8", "replace")
    return RequestDetail(
        **_fields(request),
        client=exchange.client,
        query=exchange.query,
        headers=dict(exchange.headers),
        body=shown,
        body_size=len(body),
        body_cut=cut,
        body_dropped=exchange.body_dropped,
        input_text=request.input_text,
        tool_outputs=[
            {"call_id": one.call_id, "name": one.name, "text": one.text} for one in request.tool_outputs
        ],
        near_misses=[dict(one) for one in exchange.near],
    )


def _fields(request: SeenRequest) -> dict[str, Any]:
    exchange = request.exchange
    return {
        "id": exchange.number,
        "request_id": exchange.request_id,
        "session": exchange.session,
        "received": exchange.received,
        "method": exchange.method,
        "path": exchange.path,
        "status": exchange.status,
        "recording": exchange.recording,
        "response_id": exchange.response_id,
        "matched": request.matched,
        "unmatched": exchange.unmatched,
        "pending": request.pending,
        "why": exchange.why,
        "ended": exchange.ended,
        "events": exchange.events,
        "seconds": exchange.seconds,
        "lateness": exchange.lateness,
        "faults": list(exchange.faults),
    }
