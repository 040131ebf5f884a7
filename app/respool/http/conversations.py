"""``/v1/conversations`` and their items."""

from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import APIRouter
from starlette.requests import Request as HTTPRequest
from starlette.responses import Response

from respool.http.answers import answer
from respool.http.deciding import decided
from respool.http.problems import REFUSALS
from respool.http.request_body import read_object
from respool.http.request_scope import in_path, session_of
from respool.protocol.include import with_include
from respool.protocol.pages import page
from respool.protocol.request import (
    check_conversation,
    check_conversation_update,
    check_items,
    read_include,
    read_list,
)
from respool.server.mock_server import MockServer
from respool.server.session import Session
from respool.server.state import Need

T = TypeVar("T")


def router(server: MockServer, max_body: int) -> APIRouter:
    """Return the routes, for one server. `max_body` is the limit of a request body in bytes."""
    routes = APIRouter(
        prefix="/v1/conversations",
        tags=["conversations"],
        default_response_class=Response,
        responses=REFUSALS,
    )

    async def decide(http: HTTPRequest, function: Callable[[Session], T]) -> T:
        name, id_ = session_of(http.scope), http.path_params.get("conversation_id")
        needs = [] if id_ is None else [Need("conversation", id_)]
        return await decided(server, name, lambda: function(server.session(name)), *needs)

    async def read(http: HTTPRequest) -> dict[str, Any]:
        return await read_object(http, max_body)

    def include(http: HTTPRequest) -> tuple[str, ...]:
        return read_include(http.query_params.multi_items(), server.validate)

    @routes.post(
        "",
        summary="Create a conversation",
    )
    async def create(http: HTTPRequest) -> Response:
        """Create a conversation, with up to 20 items."""
        body = await read(http)
        check_conversation(body, server.validate)
        made = await decide(
            http,
            lambda session: session.conversations.create(
                int(server.clock.now()), body.get("items") or (), body.get("metadata")
            ),
        )
        return answer(http, server, made)

    @routes.get(
        "/{conversation_id}",
        summary="Retrieve a conversation",
    )
    async def retrieve(http: HTTPRequest) -> Response:
        """Retrieve a conversation, without its items."""
        id_ = in_path(http, "conversation_id")
        return answer(http, server, await decide(http, lambda session: session.conversations.get(id_)))

    @routes.post(
        "/{conversation_id}",
        summary="Update a conversation",
    )
    async def update(http: HTTPRequest) -> Response:
        """Replace the metadata of a conversation."""
        body = await read(http)
        check_conversation_update(body, server.validate)
        id_ = in_path(http, "conversation_id")
        conversation = await decide(
            http, lambda session: session.conversations.update(id_, body.get("metadata"))
        )
        return answer(http, server, conversation)

    @routes.delete(
        "/{conversation_id}",
        summary="Delete a conversation",
    )
    async def delete(http: HTTPRequest) -> Response:
        """Delete a conversation and its items."""
        id_ = in_path(http, "conversation_id")
        return answer(http, server, await decide(http, lambda session: session.conversations.delete(id_)))

    @routes.post(
        "/{conversation_id}/items",
        summary="Create items",
    )
    async def add_items(http: HTTPRequest) -> Response:
        """Add up to 20 items at the end, and answer with them."""
        requested = include(http)
        body = await read(http)
        check_items(body, server.validate)
        id_ = in_path(http, "conversation_id")
        added = await decide(
            http, lambda session: session.conversations.add(id_, body["items"], session.clock.now())
        )
        listed = page(with_include(added, requested), limit=max(1, len(added)), order="asc")
        return answer(http, server, listed)

    @routes.get(
        "/{conversation_id}/items",
        summary="List items",
    )
    async def list_items(http: HTTPRequest) -> Response:
        """List the items, newest first; also those of responses that have ended by now."""
        query = read_list(http.query_params.multi_items(), server.validate)
        id_ = in_path(http, "conversation_id")
        items = await decide(http, lambda session: session.conversations.items(id_, session.clock.now()))
        listed = page(items, query.after, query.limit, query.order, strict=server.stand_in() is None)
        listed["data"] = with_include(listed["data"], query.include)
        return answer(http, server, listed)

    @routes.get(
        "/{conversation_id}/items/{item_id}",
        summary="Retrieve an item",
    )
    async def retrieve_item(http: HTTPRequest) -> Response:
        """Retrieve one item."""
        id_, item_id = in_path(http, "conversation_id"), in_path(http, "item_id")
        item = await decide(
            http, lambda session: session.conversations.item(id_, item_id, session.clock.now())
        )
        (shown,) = with_include([item], include(http))
        return answer(http, server, shown)

    @routes.delete(
        "/{conversation_id}/items/{item_id}",
        summary="Delete an item",
    )
    async def delete_item(http: HTTPRequest) -> Response:
        """Delete an item, and answer with the conversation."""
        id_, item_id = in_path(http, "conversation_id"), in_path(http, "item_id")
        conversation = await decide(
            http, lambda session: session.conversations.remove(id_, item_id, session.clock.now())
        )
        return answer(http, server, conversation)

    return routes
