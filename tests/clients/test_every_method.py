"""Every method of the openai SDK that we answer, with every parameter; what comes is held against its types.

The ids are made up, as those in the contract tests of a generated SDK are.
"""

import inspect
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI, OpenAI
from openai._models import validate_type
from openai.resources.conversations import Conversations, Items
from openai.resources.models import Models
from openai.resources.responses import InputItems, InputTokens, Responses
from openai.types import Model
from openai.types.conversations import (
    Conversation,
    ConversationDeletedResource,
    ConversationItem,
    ConversationItemList,
)
from openai.types.responses import CompactedResponse, Response, ResponseItem, ResponseStreamEvent
from openai.types.responses.input_token_count_response import InputTokenCountResponse

from respool import Pace, running_server

FIXTURES = Path(__file__).parents[2] / "fixtures"

MESSAGE = {"type": "message", "role": "user", "content": "Hi"}
TOOL = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather of a city.",
    "parameters": {"type": "object"},
    "strict": True,
    "defer_loading": False,
    "allowed_callers": ["direct"],
    "output_schema": {"type": "object"},
    "async": True,
}
# The parameters that more than one method takes.
SHARED: dict[str, Any] = {
    "conversation": "conv_x",
    "image": {"context_compression": "auto"},
    "input": [MESSAGE],
    "instructions": "Be brief.",
    "model": "gpt-6-astra",
    "parallel_tool_calls": True,
    "personality": "friendly",
    "previous_response_id": "resp_y",
    "prompt_cache_key": "key",
    "prompt_cache_options": {"mode": "implicit", "ttl": "30m"},
    "prompt_cache_retention": "in_memory",
    "reasoning": {"effort": "none", "summary": "auto"},
    "service_tier": "auto",
    "text": {"format": {"type": "text"}, "verbosity": "low"},
    "tool_choice": "auto",
    "tools": [TOOL],
    "truncation": "auto",
}
CREATE: dict[str, Any] = {
    "access_programs": {"cyber": "standard"},
    "background": False,
    "background_options": {"completion_window": "soonest", "continuation_id": "any"},
    "context_management": [{"type": "compaction", "compact_threshold": 1000}],
    "include": ["message.output_text.logprobs"],
    "max_output_tokens": 16,
    "max_tool_calls": 1,
    "metadata": {"a": "b"},
    "moderation": {"model": "any", "policy": {"input": {"mode": "score"}}},
    "prompt": {"id": "pmpt_x", "variables": {"a": "b"}, "version": "1"},
    "safety_identifier": "any",
    "store": True,
    "stream": False,
    "stream_options": {"include_obfuscation": True},
    "temperature": 1,
    "top_logprobs": 0,
    "top_p": 1,
    "user": "any",
}
PAGE = {"after": "msg_x", "include": ["message.output_text.logprobs"], "limit": 5, "order": "asc"}
RETRIEVE = {
    "response_id": "resp_x",
    "include": ["message.output_text.logprobs"],
    "include_obfuscation": True,
    "starting_after": 0,
    "stream": False,
}
ITEM = {"conversation_id": "conv_x", "item_id": "msg_x"}
ITEMS = {"conversation_id": "conv_x", "items": [MESSAGE], "include": ["message.output_text.logprobs"]}

Case = tuple[str, Callable[..., Any], dict[str, Any], Any]

# A method, as it is reached from the client; the function; its parameters, but for those in SHARED; and
# the type of what it gives, or of the elements.
CASES: list[Case] = [
    ("responses.create", Responses.create, CREATE, Response),
    ("responses.create", Responses.create, {**CREATE, "stream": True}, ResponseStreamEvent),
    ("responses.create", Responses.create, {**CREATE, "background": True}, Response),
    ("responses.retrieve", Responses.retrieve, RETRIEVE, Response),
    ("responses.retrieve", Responses.retrieve, {**RETRIEVE, "stream": True}, ResponseStreamEvent),
    ("responses.cancel", Responses.cancel, {"response_id": "resp_x"}, Response),
    ("responses.delete", Responses.delete, {"response_id": "resp_x"}, None),
    ("responses.compact", Responses.compact, {}, CompactedResponse),
    ("responses.input_items.list", InputItems.list, {"response_id": "resp_x", **PAGE}, ResponseItem),
    ("responses.input_tokens.count", InputTokens.count, {}, InputTokenCountResponse),
    (
        "conversations.create",
        Conversations.create,
        {"items": [MESSAGE], "metadata": {"a": "b"}},
        Conversation,
    ),
    ("conversations.retrieve", Conversations.retrieve, {"conversation_id": "conv_x"}, Conversation),
    (
        "conversations.update",
        Conversations.update,
        {"conversation_id": "conv_x", "metadata": {"a": "b"}},
        Conversation,
    ),
    (
        "conversations.delete",
        Conversations.delete,
        {"conversation_id": "conv_x"},
        ConversationDeletedResource,
    ),
    ("conversations.items.create", Items.create, ITEMS, ConversationItemList),
    ("conversations.items.retrieve", Items.retrieve, {**ITEM, "include": PAGE["include"]}, ConversationItem),
    ("conversations.items.list", Items.list, {"conversation_id": "conv_x", **PAGE}, ConversationItem),
    ("conversations.items.delete", Items.delete, ITEM, Conversation),
    ("models.retrieve", Models.retrieve, {"model": "gpt-6-astra"}, Model),
    ("models.list", Models.list, {}, Model),
]
OPTIONS = {"self", "extra_headers", "extra_query", "extra_body", "timeout"}


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    with running_server(
        FIXTURES, default="text/hello", pace=Pace(speed=math.inf), on_unknown_id="default"
    ) as running:
        yield running.base_url


def parameters_of(function: Callable[..., Any], given: dict[str, Any]) -> dict[str, Any]:
    """All that a method takes. A parameter that the newest SDK has and this page has not fails here."""
    names = set(inspect.signature(function).parameters) - OPTIONS
    return {name: given[name] if name in given else SHARED[name] for name in names}


def method_of(client: Any, path: str) -> Any:
    for name in path.split("."):
        client = getattr(client, name)
    return client


def check(answer: Any, type_: Any) -> None:
    """Whether it is of this type, to the letter: what the client made of it, and with nothing left out."""
    if type_ is None:
        assert answer is None
    else:
        validate_type(type_=type_, value=answer.to_dict(mode="json"))


@pytest.mark.parametrize(("path", "function", "given", "type_"), CASES)
def test_a_call_with_every_parameter_is_answered_as_the_types_say(
    path: str, function: Callable[..., Any], given: dict[str, Any], type_: Any, base_url: str
) -> None:
    with OpenAI(base_url=base_url, api_key="any", max_retries=0, _strict_response_validation=True) as client:
        answer = method_of(client, path)(**parameters_of(function, given))
        found = list(answer) if type_ is ResponseStreamEvent or path.endswith("list") else [answer]
    assert found
    for one in found:
        check(one, type_)


@pytest.mark.parametrize(("path", "function", "given", "type_"), CASES)
async def test_the_asynchronous_call_is_answered_so_too(
    path: str, function: Callable[..., Any], given: dict[str, Any], type_: Any, base_url: str
) -> None:
    async with AsyncOpenAI(
        base_url=base_url, api_key="any", max_retries=0, _strict_response_validation=True
    ) as client:
        answer = method_of(client, path)(**parameters_of(function, given))
        if inspect.isawaitable(answer):
            answer = await answer
        several = type_ is ResponseStreamEvent or path.endswith("list")
        found = [one async for one in answer] if several else [answer]
    assert found
    for one in found:
        check(one, type_)
