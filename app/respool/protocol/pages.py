"""Lists of items, a page at a time."""

from collections.abc import Sequence
from typing import Any

from respool.protocol import api_errors
from respool.protocol.request.query import DEFAULT_LIMIT, DEFAULT_ORDER


def page(
    items: Sequence[dict[str, Any]],
    after: str | None = None,
    limit: int = DEFAULT_LIMIT,
    order: str = DEFAULT_ORDER,
    *,
    strict: bool = True,
) -> dict[str, Any]:
    """Return the page of `items`, which are oldest first, that follows the item `after` in this order.

    `order` is asc or desc, `limit` at least 1; `read_list` checks both. The ids of an empty page are null.
    Raise RequestError, 404, if no item has the id `after`; without `strict`, that is the first page.
    Source: the lists of the API.
    """
    ordered = items if order == "asc" else items[::-1]
    start = 0
    if after is not None:
        start = 1 + next((place for place, item in enumerate(ordered) if item["id"] == after), -1)
        if not start and strict:
            raise api_errors.item_not_found(after)
    data = list(ordered[start : start + limit])
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": start + limit < len(ordered),
    }
