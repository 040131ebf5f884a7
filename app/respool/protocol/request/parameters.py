"""PARAMETERS: the allowed values of each parameter of the API's request bodies, with any model.

A row's name is the path of the parameter. Rows are checked in this order, which is the service's own as far
as known; an object comes before its members. The rules here hold for all models and for other producers of
the API. `ValidationLevel.STRICT` takes from the openai package the enums that have grown over time, or that
differ between producers.

Sources: the types of openai 3.57, the service's answers to wrong requests, the Open Responses spec.
"""

from collections.abc import Mapping
from types import MappingProxyType

from respool.protocol.request.nested import (
    check_added_items,
    check_input,
    check_metadata,
    check_objects,
    check_tool_choice,
    check_tools,
)
from respool.protocol.request.parameter_types import (
    Parameter,
    array,
    boolean,
    decimal,
    each,
    enum,
    integer,
    mapping,
    string,
)

_OBJECTS = each(mapping())

PARAMETERS: Mapping[str, Parameter] = MappingProxyType(
    {
        "model": string(),
        "input": Parameter((str, list), "one of a string or array of input items", inside=check_input),
        "previous_response_id": string(),
        "conversation": Parameter((str, dict), "one of a string or object"),
        "conversation.id": string(required=True),
        "prompt": mapping(),
        "prompt.id": string(required=True),
        "prompt.variables": mapping(),
        "prompt.version": string(),
        "moderation": mapping(),
        "moderation.model": string(),
        "moderation.policy": mapping(),
        "include": array("an array of strings", each(string())),
        "tools": array("an array of tools", check_tools),
        "tool_choice": Parameter(
            (dict, str),
            "one of an object or 'none', 'auto', or 'required'",
            values=("none", "auto", "required"),
            inside=check_tool_choice,
        ),
        "metadata": mapping(check_metadata, "a metadata object"),
        "text": mapping(),
        "text.format": mapping(),
        "text.format.type": string(required=True),
        "text.verbosity": string(),
        "temperature": decimal(0, 2),
        "top_p": decimal(0, 1),
        "presence_penalty": decimal(-2, 2),
        "frequency_penalty": decimal(-2, 2),
        "parallel_tool_calls": boolean(),
        "stream": boolean(),
        "stream_options": mapping(),
        "stream_options.include_obfuscation": boolean(),
        "background": boolean(),
        "background_options": mapping(),
        "background_options.completion_window": string(),
        "background_options.continuation_id": string(),
        # The service, Azure and the Open Responses spec all have this minimum, for all models.
        "max_output_tokens": integer(16),
        "max_tool_calls": integer(1),
        "reasoning": mapping(),
        "reasoning.effort": string(),
        "reasoning.summary": string(),
        "reasoning.generate_summary": string(),
        "user": string(),
        "safety_identifier": string(),
        "prompt_cache_options": mapping(),
        "prompt_cache_options.mode": string(),
        "prompt_cache_options.ttl": string(),
        "prompt_cache_options.comparison_response_id": string(),
        "prompt_cache_options.prewarm": boolean(),
        "prompt_cache_key": string(),
        "prompt_cache_retention": string(),
        "truncation": enum("auto", "disabled"),
        "instructions": string(),
        "store": boolean(),
        "service_tier": string(),
        "top_logprobs": integer(0, 20),
        "context_management": array("an array of objects", _OBJECTS),
        "access_programs": mapping(),
        "access_programs.cyber": string(),
        "image": mapping(),
        "image.context_compression": string(),
        "personality": string(64),
        "items": array("an array of input items", check_added_items),
    }
)

# The server reads these itself, so their types are checked at every level.
NEEDED: Mapping[str, Parameter] = MappingProxyType(
    {
        **{
            name: PARAMETERS[name]
            for name in (
                "model",
                "previous_response_id",
                "conversation",
                "conversation.id",
                "stream",
                "stream_options",
                "stream_options.include_obfuscation",
                "background",
                "store",
            )
        },
        "input": Parameter((str, list), PARAMETERS["input"].expected, inside=check_objects),
        "items": array(PARAMETERS["items"].expected, check_objects),
        "metadata": mapping(),
    }
)

# The parameters of each request, by the first part of their path. Create has all except those named here.
NOT_OF_CREATE = frozenset({"personality", "items"})
INPUT_TOKENS = frozenset(
    "model input instructions tools tool_choice text reasoning truncation parallel_tool_calls "
    "conversation previous_response_id personality".split()
)
COMPACT = frozenset(
    "model input instructions previous_response_id prompt_cache_key prompt_cache_options "
    "prompt_cache_retention service_tier image".split()
)
CREATE = frozenset(name for name in PARAMETERS if "." not in name) - NOT_OF_CREATE
CONVERSATION = frozenset({"items", "metadata"})
CONVERSATION_UPDATE = frozenset({"metadata"})
ITEMS = frozenset({"items"})
