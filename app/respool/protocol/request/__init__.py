"""Checks of requests: they find the API's errors before anything is played.

``check_create(body, level)`` and the other checks return None or raise a RequestError in the service's words;
``read_retrieve(pairs)`` and ``read_list(pairs)`` return the values of a query string. The tables are in
`parameters`; `ValidationLevel` selects the checks.

Null is the same as absent at every level, as it is to the service for nearly all parameters.
"""

from respool.protocol.request.bodies import (
    check_compact,
    check_conversation,
    check_conversation_update,
    check_create,
    check_input_tokens,
    check_items,
)
from respool.protocol.request.level import ValidationLevel
from respool.protocol.request.links import Known, check_links
from respool.protocol.request.query import ListQuery, RetrieveQuery, read_include, read_list, read_retrieve

__all__ = [
    "Known",
    "ListQuery",
    "RetrieveQuery",
    "ValidationLevel",
    "check_compact",
    "check_conversation",
    "check_conversation_update",
    "check_create",
    "check_input_tokens",
    "check_items",
    "check_links",
    "read_include",
    "read_list",
    "read_retrieve",
]
