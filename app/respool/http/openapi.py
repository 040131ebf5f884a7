"""The description of the API at ``/openapi.json``: the parameters and answers of each operation.

FastAPI describes the routes; this adds the rest. It is made, and imported, on request: with a
pydantic model for each thing that is sent, it takes as long as to read a hundred recordings.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from respool.http import schemas


@dataclass(frozen=True, slots=True)
class Operation:
    """The parameters and the answer of one operation.

    gives       the model of its answer
    takes       the model of the request's body
    parameters  of the query and the headers
    missing     True: it answers 404 for what is not there
    streams     True: its answer may be a stream of events instead
    """

    gives: type[BaseModel]
    takes: type[BaseModel] | None = None
    parameters: tuple[Mapping[str, Any], ...] = ()
    missing: bool = False
    streams: bool = False


_STREAM = """event: response.created
data: {"type":"response.created","sequence_number":0,"response":{"id":"resp_1", ...}}

event: response.in_progress
data: {"type":"response.in_progress","sequence_number":1,"response":{"id":"resp_1", ...}}

"""


def _query(name: str, description: str, **schema: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}


INCLUDE = _query(
    "include[]",
    "Fields of items which are told only when they are asked for.",
    type="array",
    items={"type": "string"},
)
PLAY = {**_query("x-respool-play", "The recording that answers.", type="string"), "in": "header"}
RETRIEVE = (
    _query("stream", "Whether the answer is a stream of the events.", type="boolean", default=False),
    _query("starting_after", "The sequence number of the event before the first.", type="integer", minimum=0),
    _query("include_obfuscation", "Whether deltas have their padding.", type="boolean", default=True),
)
PAGE = (
    _query("after", "The id of the item before the page.", type="string"),
    _query("limit", "How many items a page has.", type="integer", minimum=1, maximum=100, default=20),
    _query("order", "Newest or oldest first.", type="string", enum=["asc", "desc"], default="desc"),
)

_OF_RESPONSE = "/v1/responses/{response_id}"
_OF_CONVERSATION = "/v1/conversations/{conversation_id}"

OPERATIONS: Mapping[tuple[str, str], Operation] = {
    ("post", "/v1/responses"): Operation(
        schemas.Response, schemas.CreateResponse, parameters=(PLAY,), streams=True
    ),
    ("get", _OF_RESPONSE): Operation(
        schemas.Response, parameters=(*RETRIEVE, INCLUDE), missing=True, streams=True
    ),
    ("delete", _OF_RESPONSE): Operation(schemas.ResponseDeleted, missing=True),
    ("post", f"{_OF_RESPONSE}/cancel"): Operation(schemas.Response, missing=True),
    ("get", f"{_OF_RESPONSE}/input_items"): Operation(
        schemas.ItemList, parameters=(*PAGE, INCLUDE), missing=True
    ),
    ("post", "/v1/responses/input_tokens"): Operation(schemas.InputTokens, schemas.CountTokens),
    ("post", "/v1/responses/compact"): Operation(schemas.Compaction, schemas.Compact),
    ("post", "/v1/conversations"): Operation(schemas.Conversation, schemas.CreateConversation),
    ("get", _OF_CONVERSATION): Operation(schemas.Conversation, missing=True),
    ("post", _OF_CONVERSATION): Operation(schemas.Conversation, schemas.UpdateConversation, missing=True),
    ("delete", _OF_CONVERSATION): Operation(schemas.ConversationDeleted, missing=True),
    ("post", f"{_OF_CONVERSATION}/items"): Operation(
        schemas.ItemList, schemas.AddItems, parameters=(INCLUDE,), missing=True
    ),
    ("get", f"{_OF_CONVERSATION}/items"): Operation(
        schemas.ItemList, parameters=(*PAGE, INCLUDE), missing=True
    ),
    ("get", f"{_OF_CONVERSATION}/items/{{item_id}}"): Operation(
        schemas.Item, parameters=(INCLUDE,), missing=True
    ),
    ("delete", f"{_OF_CONVERSATION}/items/{{item_id}}"): Operation(schemas.Conversation, missing=True),
    ("get", "/v1/models"): Operation(schemas.ModelList),
    ("get", "/v1/models/{model}"): Operation(schemas.Model, missing=True),
}


_IN_PATH = re.compile(r"\{(\w+)\}")


def describe(document: dict[str, Any]) -> None:
    """Add to FastAPI's description of our routes, in place, what the table knows of them."""
    models = {schemas.Error: None} | {operation.gives: None for operation in OPERATIONS.values()}
    references, definitions = models_json_schema(
        [(model, "serialization") for model in models], ref_template="#/components/schemas/{model}"
    )
    described = document.setdefault("components", {}).setdefault("schemas", {})
    described.update(definitions["$defs"])
    document["components"]["schemas"] = dict(sorted(described.items()))
    for (method, path), operation in OPERATIONS.items():
        known = document["paths"][path][method]
        known["responses"] = {
            status: {"description": text, "content": _json(references[model, "serialization"])}
            for status, text, model in _answers(operation)
        }
        if operation.streams:
            known["responses"]["200"]["content"]["text/event-stream"] = {
                "schema": {"type": "string"},
                "example": _STREAM,
            }
        if operation.takes:
            known["requestBody"] = {"required": True, "content": _json(operation.takes.model_json_schema())}
        if parameters := [*map(_in_path, _IN_PATH.findall(path)), *operation.parameters]:
            known["parameters"] = parameters


def _in_path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _answers(operation: Operation) -> list[tuple[str, str, type[BaseModel]]]:
    missing = [("404", "Not there", schemas.Error)] if operation.missing else []
    return [
        ("200", "Successful Response", operation.gives),
        *missing,
        ("4XX", "A request which the API refuses", schemas.Error),
    ]


def _json(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": dict(schema)}}
