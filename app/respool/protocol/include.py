"""The parameter `include`: the parts of an item that are sent only on request."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

_LEFT_OUT = object()


@dataclass(frozen=True, slots=True)
class Extra:
    """A field of items of type `item`: in the item, or in the object or parts at `within` (of type `part`, if
    given).

    `default` is its value if the request does not include it. An item without the field gets none.
    """

    item: str
    field: str
    within: str | None = None
    part: str | None = None
    default: Any = None


# Source: the values of the openai package's `ResponseIncludable`; for the defaults, recorded items.
EXTRAS: Mapping[str, Extra] = MappingProxyType(
    {
        "file_search_call.results": Extra("file_search_call", "results"),
        "web_search_call.results": Extra("web_search_call", "results", default=_LEFT_OUT),
        "web_search_call.action.sources": Extra(
            "web_search_call", "sources", within="action", default=_LEFT_OUT
        ),
        "message.input_image.image_url": Extra("message", "image_url", within="content", part="input_image"),
        "computer_call_output.output.image_url": Extra("computer_call_output", "image_url", within="output"),
        "code_interpreter_call.outputs": Extra("code_interpreter_call", "outputs"),
        "reasoning.encrypted_content": Extra("reasoning", "encrypted_content", default=_LEFT_OUT),
        "message.output_text.logprobs": Extra(
            "message", "logprobs", within="content", part="output_text", default=()
        ),
    }
)


def with_include(items: Iterable[dict[str, Any]], included: Collection[str]) -> list[dict[str, Any]]:
    """Return the items with only those extra fields that `included` names. The given items are not
    changed."""
    withheld = [extra for name, extra in EXTRAS.items() if name not in included]
    return [_without(item, withheld) for item in items]


def _without(item: dict[str, Any], withheld: Iterable[Extra]) -> dict[str, Any]:
    for extra in withheld:
        if item.get("type") != extra.item:
            continue
        if extra.within is None:
            item = _withhold(item, extra)
        elif extra.within in item:
            item = {**item, extra.within: _inside(item[extra.within], extra)}
    return item


def _inside(value: Any, extra: Extra) -> Any:
    return [_part(part, extra) for part in value] if isinstance(value, list) else _part(value, extra)


def _part(value: Any, extra: Extra) -> Any:
    if isinstance(value, dict) and extra.part in (None, value.get("type")):
        return _withhold(value, extra)
    return value


def _withhold(value: dict[str, Any], extra: Extra) -> dict[str, Any]:
    if extra.field not in value:
        return value
    if extra.default is _LEFT_OUT:
        return {name: item for name, item in value.items() if name != extra.field}
    return {**value, extra.field: list(extra.default) if extra.default == () else extra.default}
