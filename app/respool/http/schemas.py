"""The API's objects as pydantic models, for the OpenAPI page only: what is sent and taken stays plain JSON,
so that no field is lost. Source: the types of the openai package."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

_MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "status": "completed",
    "role": "user",
    "content": [{"type": "input_text", "text": "Hello!"}],
}
_GIVEN = {"type": "message", "role": "user", "content": "Hello!"}


def _examples(*examples: dict[str, Any]) -> ConfigDict:
    return ConfigDict(extra="allow", json_schema_extra={"examples": list(examples)})


class Item(BaseModel):
    """An item: a message, a call of a tool, its output, ... Each type has fields of its own."""

    model_config = _examples(_MESSAGE)
    id: str
    type: str
    status: str | None = None


class ItemList(BaseModel):
    """A page of items. The next one begins `after` its `last_id`."""

    model_config = _examples(
        {"object": "list", "data": [_MESSAGE], "first_id": "msg_1", "last_id": "msg_1", "has_more": False}
    )
    object: Literal["list"]
    data: list[Item]
    first_id: str | None
    last_id: str | None
    has_more: bool


class CreateResponse(BaseModel):
    """The request. Parameters that are not listed here are accepted, too."""

    model_config = _examples(
        {"model": "text/hello", "input": "Say hello", "stream": True},
        {"model": "text/hello", "input": [_GIVEN], "background": True},
    )
    model: str | None = Field(None, description="A recording's name, or any model's.")
    input: str | list[dict[str, Any]] | None = None
    stream: bool | None = Field(None, description="Whether the answer is a stream of events.")
    stream_options: dict[str, Any] | None = Field(None, examples=[{"include_obfuscation": False}])
    background: bool | None = Field(None, description="Whether it goes on when its client leaves.")
    store: bool | None = Field(None, description="Whether it can be retrieved later: true, if absent.")
    conversation: str | dict[str, Any] | None = None
    previous_response_id: str | None = None
    instructions: str | None = None
    tools: list[dict[str, Any]] | None = None
    metadata: dict[str, str] | None = Field(None, max_length=16)


class Response(BaseModel):
    """A response, as it is at this moment."""

    model_config = _examples(
        {
            "id": "resp_1",
            "object": "response",
            "created_at": 1767225600,
            "status": "completed",
            "model": "gpt-5.2",
            "output": [
                {**_MESSAGE, "role": "assistant", "content": [{"type": "output_text", "text": "Hi!"}]}
            ],
        }
    )
    id: str
    object: Literal["response"]
    created_at: float = Field(description="Seconds since 1970.")
    status: Literal["queued", "in_progress", "completed", "failed", "incomplete", "cancelled"] | None = None
    model: str | None = None
    output: list[Item]
    error: dict[str, Any] | None = None
    incomplete_details: dict[str, Any] | None = None
    usage: dict[str, Any] | None = None


class ResponseDeleted(BaseModel):
    """What a delete answers."""

    model_config = _examples({"id": "resp_1", "object": "response.deleted", "deleted": True})
    id: str
    object: Literal["response.deleted"]
    deleted: bool


class Conversation(BaseModel):
    """A conversation, without its items."""

    model_config = _examples(
        {"id": "conv_1", "object": "conversation", "created_at": 1767225600, "metadata": {"topic": "demo"}}
    )
    id: str
    object: Literal["conversation"]
    created_at: int = Field(description="Seconds since 1970.")
    metadata: dict[str, str]


class ConversationDeleted(BaseModel):
    """What a delete answers."""

    model_config = _examples({"id": "conv_1", "object": "conversation.deleted", "deleted": True})
    id: str
    object: Literal["conversation.deleted"]
    deleted: bool


class CreateConversation(BaseModel):
    """A new conversation; all fields are optional."""

    model_config = _examples({"items": [_GIVEN], "metadata": {"topic": "demo"}})
    items: list[dict[str, Any]] | None = Field(None, max_length=20)
    metadata: dict[str, str] | None = None


class UpdateConversation(BaseModel):
    """The new metadata, instead of the present ones."""

    model_config = _examples({"metadata": {"topic": "another"}})
    metadata: dict[str, str] | None


class AddItems(BaseModel):
    """Items to add at the end."""

    model_config = _examples({"items": [_GIVEN]})
    items: list[dict[str, Any]] = Field(max_length=20)


class CountTokens(BaseModel):
    """The parameters of a create that concern its input."""

    model_config = _examples({"model": "gpt-5.2", "input": "Tell me a joke."})
    model: str | None = None
    input: str | list[dict[str, Any]] | None = None
    instructions: str | None = None
    tools: list[dict[str, Any]] | None = None
    conversation: str | dict[str, Any] | None = None
    previous_response_id: str | None = None


class InputTokens(BaseModel):
    """How many tokens an input has."""

    model_config = _examples({"object": "response.input_tokens", "input_tokens": 4})
    object: Literal["response.input_tokens"]
    input_tokens: int


class Compact(BaseModel):
    """What to compact."""

    model_config = _examples({"model": "gpt-5.2", "input": [_GIVEN]})
    model: str
    input: str | list[dict[str, Any]] | None = None
    instructions: str | None = None
    previous_response_id: str | None = None


class Compaction(BaseModel):
    """The user's messages, and one `compaction` item."""

    model_config = _examples(
        {
            "id": "resp_1",
            "object": "response.compaction",
            "created_at": 1767225600,
            "output": [_MESSAGE, {"id": "cmp_1", "type": "compaction", "encrypted_content": "gAAAAA..."}],
            "usage": {
                "input_tokens": 2,
                "input_tokens_details": {"cache_write_tokens": 0, "cached_tokens": 0},
                "output_tokens": 66,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": 68,
            },
        }
    )
    id: str
    object: Literal["response.compaction"]
    created_at: int = Field(description="Seconds since 1970.")
    output: list[Item]
    usage: dict[str, Any]


class Model(BaseModel):
    """A recording, as a model."""

    model_config = _examples(
        {"id": "text/hello", "object": "model", "created": 1767225600, "owned_by": "respool"}
    )
    id: str
    object: Literal["model"]
    created: int = Field(
        description="When its response was created, in seconds since 1970; 0 if it has no time."
    )
    owned_by: str


class ModelList(BaseModel):
    """All recordings, as models."""

    object: Literal["list"]
    data: list[Model]


class ErrorDetails(BaseModel):
    """Why a request was refused."""

    message: str
    type: str
    param: str | None
    code: str | None


class Error(BaseModel):
    """The API's error envelope."""

    model_config = _examples(
        {
            "error": {
                "message": "Conversation with id 'conv_1' not found.",
                "type": "invalid_request_error",
                "param": None,
                "code": None,
            }
        }
    )
    error: ErrorDetails
