"""``/v1/responses/input_tokens`` and ``/v1/responses/compact``: an input, and no response to it."""

from collections.abc import Mapping
from math import inf
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request as HTTPRequest
from starlette.responses import Response

from respool.http.answers import answer
from respool.http.deciding import decided
from respool.http.problems import REFUSALS
from respool.http.request_body import beside, parse_body, read_body
from respool.http.request_scope import name_in_header, name_in_path, session_of
from respool.protocol.request import check_compact, check_input_tokens
from respool.server.mock_server import MockServer


def router(server: MockServer, max_body: int) -> APIRouter:
    """Return the routes, for one server. `max_body` is the limit of a request body in bytes."""
    routes = APIRouter(prefix="/v1/responses", tags=["responses"], responses=REFUSALS)

    @routes.post(
        "/input_tokens",
        summary="Count input tokens",
        response_class=Response,
    )
    async def input_tokens(http: HTTPRequest) -> Response:
        """Estimate the number of tokens of a request: four characters each."""
        from respool.protocol.compaction import count_request  # which needs all that writes responses

        text = await read_body(http, max_body)
        body = await parse_body(text)
        await beside(len(text), check_input_tokens, body, server.validate)
        session = session_of(http.scope)
        earlier = await decided(server, session, lambda: server.earlier_items(body, session=session))
        count = await beside(_size(text, body), lambda: count_request(body, earlier()))
        return answer(http, server, {"object": "response.input_tokens", "input_tokens": count})

    @routes.post(
        "/compact",
        summary="Compact a conversation",
        response_class=Response,
    )
    async def compact(http: HTTPRequest) -> Response:
        """Compact a conversation: the user's messages, and one item with made up content in place of all the
        rest. Where the path or `x-respool-play` names a recording that holds a `response.compaction`, that is
        the answer."""
        from respool.protocol.compaction import compacted

        text = await read_body(http, max_body)
        body = await parse_body(text)
        await beside(len(text), check_compact, body, server.validate)
        if recorded := _recorded(http, server):
            return answer(http, server, recorded)
        continued = {"previous_response_id": body.get("previous_response_id")}  # it has no conversation
        session = session_of(http.scope)
        earlier = await decided(server, session, lambda: server.earlier_items(continued, session=session))
        at = int(server.clock.now())
        made = await beside(_size(text, body), lambda: compacted(body, earlier(), at))
        if server.stand_in() is not None:  # for strict types, which have no messages of users here
            made["output"] = made["output"][-1:]
        return answer(http, server, made)

    return routes


def _size(text: bytes, body: Mapping[str, Any]) -> float:
    """Estimate the number of bytes to work on; what a request continues is not counted."""
    continues = body.get("previous_response_id") or body.get("conversation")
    return inf if continues else len(text)


def _recorded(http: HTTPRequest, server: MockServer) -> dict[str, Any] | None:
    name = name_in_path(http.scope) or name_in_header(http.scope) or ""
    one = server.store.get(name)  # a turn, if the name says which
    for recording in server.store.turns(name) or ([one] if one else []):
        body = recording.header.body
        if isinstance(body, dict) and body.get("object") == "response.compaction":
            return body
    return None
