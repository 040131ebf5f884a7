"""The openai package's own parameter types: what Level.STRICT finds.

Needs the extra ``respool[schema]``. The types are TypedDicts; they are walked here rather than by pydantic,
since of a union of thirty items pydantic tells what is wrong with each, and leaves arrays unread. The walk
gives one error, that of the member which the value most likely is.

The types are stricter than the service in two ways, and are not followed there: what they require of input
items includes fields that only the service itself fills in (`_FILLED_IN`), and a field that is required but
may be null may be absent.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Required, Union, get_args, get_origin

from respool.errors import OptionError, RequestError
from respool.protocol import api_errors

# Of items: what the service fills in, and takes without when a client made the item up or stripped it.
_FILLED_IN = frozenset({"id", "status", "annotations", "logprobs", "fingerprint"})
_ITEM = re.compile(r"(input|items)\[\d+\]")
_ENOUGH = 20  # problems of one array, by which to tell which member of a union it is the least like
_JSON_TYPES: Mapping[Any, tuple[type, ...]] = {
    str: (str,),
    bool: (bool,),
    int: (int,),
    float: (float, int),
    NoneType: (NoneType,),
}
_NAMES: Mapping[Any, str] = {str: "a string", bool: "a boolean", int: "an integer", float: "a decimal"}


def check(body: Mapping[str, Any], request: str) -> None:
    """Check a body by the types of `request`, a key of `_requests`. Raises RequestError, OptionError."""
    types = _requests()[request]
    for name, value in body.items():
        if name in types and (problems := _problems(value, types[name], name)):
            raise problems[0]


def check_include(values: Sequence[str]) -> None:
    """Check the values of a query's ``include``. Raises RequestError, OptionError."""
    if problems := _problems(list(values), _requests()["create"]["include"], "include"):
        raise problems[0]


def names(request: str) -> frozenset[str]:
    """The parameters that `request` has. Raises OptionError."""
    return frozenset(_requests()[request])


@cache
def _requests() -> Mapping[str, Mapping[str, Any]]:
    """The parameters of each request, with their types."""
    try:
        from openai.types import conversations, responses
        from openai.types.beta import response_create_params as beta
        from openai.types.responses import response_create_params as create
    except ImportError:
        raise OptionError(
            "strict validation of requests needs the openai package, 3.54 or newer: "
            "pip install 'respool[schema]'"
        ) from None
    stream = {"stream": bool}  # which the package splits over two types
    return {
        "create": {**_fields(create.ResponseCreateParamsBase), **stream},
        "beta": {**_fields(beta.ResponseCreateParamsBase), **stream},
        "compact": _fields(responses.ResponseCompactParams),
        "input_tokens": _fields(responses.InputTokenCountParams),
        "conversation": _fields(conversations.ConversationCreateParams),
        "conversation_update": _fields(conversations.ConversationUpdateParams),
        "items": _fields(conversations.ItemCreateParams),
    }


@cache
def _fields(typed_dict: Any) -> Mapping[str, Any]:
    """The fields of a TypedDict, with their types; ``Required`` is left around those that are."""
    from typing_extensions import get_type_hints

    return get_type_hints(typed_dict, include_extras=True)


def _plain(hint: Any) -> Any:
    """A type without what says that it is required, or how the package sends it."""
    while get_origin(hint) in (Annotated, Required):
        hint = get_args(hint)[0]
    return hint


@cache
def _members(hint: Any) -> tuple[Any, ...]:
    """The types of a union, flat; those of anything else are itself."""
    hint = _plain(hint)
    if get_origin(hint) in (Union, UnionType):
        return tuple(member for part in get_args(hint) for member in _members(part))
    return (hint,)


@cache
def _is_object(hint: Any) -> bool:
    from typing_extensions import is_typeddict

    return bool(is_typeddict(hint)) or get_origin(hint) is dict


@cache
def _is_array(hint: Any) -> bool:
    origin = get_origin(hint)
    return isinstance(origin, type) and origin is not dict and issubclass(origin, Iterable)


def _takes(hint: Any, value: Any) -> bool:
    """Whether a type that is no union is of the value's JSON type."""
    if hint is object or hint is Any:
        return True
    if get_origin(hint) is Literal:
        return type(value) in {type(choice) for choice in get_args(hint)}
    if _is_object(hint):
        return isinstance(value, dict)
    if _is_array(hint):
        return isinstance(value, list)
    return hint not in _JSON_TYPES or type(value) in _JSON_TYPES[hint]  # a form of types that is new to us


def _problems(value: Any, hint: Any, param: str) -> list[RequestError]:
    """What is wrong with a value, in the order of its members. Null is the same as absent, so never wrong."""
    if value is None:
        return []
    members = [member for member in _members(hint) if member is not NoneType]
    fitting = [member for member in members if _takes(member, value)]
    if not fitting:
        return [api_errors.invalid_type(param, _expected(members), value)]
    if isinstance(value, dict):
        return _of_object(value, fitting, param)
    if isinstance(value, list):
        return _of_array(value, fitting, param)
    if any(get_origin(member) is not Literal for member in fitting):
        return []
    choices = [choice for member in fitting for choice in get_args(member)]
    return [] if value in choices else [api_errors.invalid_value(param, value, list(map(str, choices)))]


def _of_array(value: list[Any], arrays: list[Any], param: str) -> list[RequestError]:
    if any(not get_args(member) for member in arrays):  # free: whatever it holds is right
        return []
    element: Any = Union[tuple(get_args(member)[0] for member in arrays)]  # noqa: UP007
    takes_null = any(_takes(member, None) for member in _members(element))
    found: list[RequestError] = []
    for number, item in enumerate(value):
        place = f"{param}[{number}]"
        if item is None and not takes_null:  # in an array null is a value: it cannot stand for an absent one
            found.append(api_errors.invalid_type(place, _expected(_members(element)), None))
        found += _problems(item, element, place)
        if len(found) > _ENOUGH:
            break
    return found


def _of_object(value: dict[str, Any], objects: list[Any], param: str) -> list[RequestError]:
    if any(not _is_object(member) for member in objects):
        return []
    typed = [member for member in objects if get_origin(member) is not dict]
    if not typed:
        of_values = get_args(objects[0])[1]
        return [
            problem for key, item in value.items() for problem in _problems(item, of_values, f"{param}.{key}")
        ]
    if isinstance(type_ := value.get("type"), str):
        supported = {choice for member in typed for choice in _types_of(member)}
        typed = [member for member in typed if type_ in (_types_of(member) or (type_,))]
        if not typed:
            return [api_errors.invalid_value(_place_of_type(param), type_, sorted(supported))]
    else:  # those that need none are the likelier ones
        typed = [member for member in typed if not _needs_type(member)] or typed
    # The least wrong is the one that the value is meant to be.
    return min((_of_fields(value, member, param) for member in typed), key=_weight)


def _weight(problems: list[RequestError]) -> tuple[int, bool]:
    """How much is wrong; a part of another type is worse than anything that is wrong within one."""
    return len(problems), any((problem.param or "").endswith(".type") for problem in problems)


def _place_of_type(param: str) -> str:
    """Where the service says that a type is unknown: for an item, at the item itself."""
    return param if _ITEM.fullmatch(param) else f"{param}.type"


@cache
def _types_of(typed_dict: Any) -> Sequence[Any]:
    return _choices(_fields(typed_dict).get("type"))


@cache
def _needs_type(typed_dict: Any) -> bool:
    hint = _fields(typed_dict).get("type")
    return hint is not None and _is_required("type", hint)


def _choices(hint: Any) -> Sequence[Any]:
    """The fixed values of a type that has nothing else, but for null."""
    members = [member for member in _members(hint) if member is not NoneType]
    if not members or any(get_origin(member) is not Literal for member in members):
        return ()
    return tuple(choice for member in members for choice in get_args(member))


def _of_fields(value: Mapping[str, Any], typed_dict: Any, param: str) -> list[RequestError]:
    fields = _fields(typed_dict)
    filled_in = _FILLED_IN if _ITEM.match(param) else frozenset()
    found = [
        api_errors.missing_parameter(f"{param}.{name}")
        for name, hint in fields.items()
        if value.get(name) is None and name not in filled_in and _is_required(name, hint)
    ]
    for name, item in value.items():
        place = f"{param}.{name}"
        if name in fields:
            found += _problems(item, fields[name], place)
        elif name not in filled_in:
            found.append(api_errors.unknown_parameter(place))
    return found


def _is_required(name: str, hint: Any) -> bool:
    if name == "type" and _choices(hint) == ("message",):  # what an item without a type is
        return False
    return get_origin(hint) is Required and not {NoneType, object} & set(_members(hint))


def _expected(members: Sequence[Any]) -> str:
    """How an error names what was expected: "a string", "one of 'auto' or 'disabled'"."""
    kinds = list(dict.fromkeys(_kind(member) for member in members))
    if len(kinds) == 1:
        return kinds[0]
    return f"one of {', '.join(kinds[:-1])} or {kinds[-1]}"


def _kind(hint: Any) -> str:
    if get_origin(hint) is Literal:
        choices = get_args(hint)
        return "a boolean" if isinstance(choices[0], bool) else api_errors.one_of(choices)
    if _is_array(hint):
        return "an array"
    return _NAMES.get(hint, "an object")
