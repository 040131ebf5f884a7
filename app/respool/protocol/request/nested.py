"""Checks of the contents of large parameters: input items, tools, metadata.

Unknown types of items, tools and content parts pass: clients send new ones before any package has them. Each
check raises RequestError.
"""

from typing import Any

from respool.protocol import parameter_errors
from respool.protocol.request.parameter_types import each, mapping, string

ROLES = ("assistant", "system", "developer", "user")
MOST_PAIRS, LONGEST_KEY, LONGEST_VALUE = 16, 64, 512
MOST_ITEMS = 20  # in one call that adds to a conversation

_VALUE = string(LONGEST_VALUE)
_OBJECTS = each(mapping())


def check_input(param: str, value: Any) -> None:
    """Check an input: a string, or an array of items."""
    if isinstance(value, list):
        check_items(param, value)


def check_objects(param: str, value: Any) -> None:
    """Check only that the items of an input are objects."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            if type(item) is not dict:
                raise parameter_errors.invalid_type(f"{param}[{number}]", "an input item", item)


def check_items(param: str, items: list[Any]) -> None:
    """Check items: those without a type, or of type message, need a role and content."""
    for number, item in enumerate(items):
        check_item(f"{param}[{number}]", item)


def check_item(param: str, item: Any) -> None:
    """Check one input item. Source of the rules for messages: the service's answers."""
    if type(item) is not dict:
        raise parameter_errors.invalid_type(param, "an input item", item)
    type_ = item.get("type")
    if type_ is not None and type(type_) is not str:
        raise parameter_errors.invalid_type(f"{param}.type", "a string", type_)
    role = item.get("role")
    if type_ == "message" or (type_ is None and not (role is None and item.get("id") is not None)):
        if type(role) is not str or role not in ROLES:
            raise parameter_errors.invalid_value(param, role, ROLES)
        # Absent content is refused; the Codex CLI sends null, and the service takes it.
        if "content" not in item:
            raise parameter_errors.missing_parameter(f"{param}.content")
        _check_content(f"{param}.content", item["content"])


def _check_content(param: str, content: Any) -> None:
    match content:
        case None | str():
            return
        case list():
            _OBJECTS(param, content)
        case _:
            raise parameter_errors.invalid_type(param, "one of an array of objects or string", content)


def check_tools(param: str, tools: Any) -> None:
    """Check that tools are objects with a type, and that functions and custom tools have a name."""
    for number, tool in enumerate(tools):
        place = f"{param}[{number}]"
        if type(tool) is not dict:
            raise parameter_errors.invalid_type(place, "an object", tool)
        _check_named(place, tool)


def check_tool_choice(param: str, choice: Any) -> None:
    """Check that a choice has a type, and a name if it is a function or a custom tool."""
    _check_named(param, choice)


def _check_named(param: str, tool: dict[str, Any]) -> None:
    needed = ("type", "name") if tool.get("type") in ("function", "custom") else ("type",)
    for key in needed:
        if tool.get(key) is None:
            raise parameter_errors.missing_parameter(f"{param}.{key}")
        if type(tool[key]) is not str:
            raise parameter_errors.invalid_type(f"{param}.{key}", "a string", tool[key])


def check_metadata(param: str, metadata: Any) -> None:
    """Check for up to 16 pairs: keys of up to 64 characters, values of up to 512."""
    for key, value in metadata.items():
        _VALUE.check(f"{param}.{key}", value)
        if len(key) > LONGEST_KEY:
            raise parameter_errors.key_too_long(param, key, LONGEST_KEY)
    if len(metadata) > MOST_PAIRS:
        raise parameter_errors.too_many_properties(param, len(metadata), MOST_PAIRS)


def check_added_items(param: str, items: Any) -> None:
    """Check the items of one call that adds to a conversation: up to 20."""
    if len(items) > MOST_ITEMS:
        raise parameter_errors.array_too_long(param, len(items), MOST_ITEMS)
    check_items(param, items)
