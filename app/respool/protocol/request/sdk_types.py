"""Strict checks against the openai package's own parameter types.

Needs the extra ``respool[schema]``. The types are TypedDicts, and this module walks them itself: for a union
of thirty items pydantic reports the errors of each, and it leaves arrays unread. The walk gives one error,
that of the most likely member.

The types are stricter than the service in two ways, and the checks here are not: they require fields of input
items that only the service fills in (`_FILLED_IN`), and nullable required fields, which may be absent.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Required, Union, get_args, get_origin

from respool.errors import OptionError, RequestError
from respool.protocol import parameter_errors

# Fields of items that the service fills in. It accepts items without them, which clients made up or stripped.
_FILLED_IN = frozenset({"id", "status", "annotations", "logprobs", "fingerprint"})
_ITEM = re.compile(r"(input|items)\[\d+\]")
_ENOUGH = 20  # problems counted in one array, to find the most likely member of a union
_JSON_TYPES: Mapping[Any, tuple[type, ...]] = {
    str: (str,),
    bool: (bool,),
    int: (int,),
    float: (float, int),
    NoneType: (NoneType,),
}
_NAMES: Mapping[Any, str] = {str: "a string", bool: "a boolean", int: "an integer", float: "a decimal"}


def check(body: Mapping[str, Any], request: str) -> None:
    """Check a body by the types of `request`, a key of `_requests`. Raise RequestError, OptionError."""
    types = _requests()[request]
    for name, value in body.items():
        if name in types and (problems := _problems(value, types[name], name)):
            raise problems[0]


def check_include(values: Sequence[str]) -> None:
    """Check the values of a query's ``include``. Raise RequestError, OptionError."""
    if problems := _problems(list(values), _requests()["create"]["include"], "include"):
        raise problems[0]


def names(request: str) -> frozenset[str]:
    """Return the names of the parameters of `request`. Raise OptionError."""
    return frozenset(_requests()[request])


@cache
def _requests() -> Mapping[str, Mapping[str, Any]]:
    """Return the parameters of each request, with their types."""
    try:
        from openai.types import conversations, responses
        from openai.types.beta import response_create_params as beta
        from openai.types.responses import response_create_params as create
    except ImportError:
        raise OptionError(
            "strict validation of requests needs the openai package, 3.54 or newer: "
            "pip install 'respool[schema]'"
        ) from None
    stream = {"stream": bool}  # the package splits it over two types
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
    """Return the fields of a TypedDict with their types. ``Required`` stays around the required ones."""
    from typing_extensions import get_type_hints

    return get_type_hints(typed_dict, include_extras=True)


def _plain(hint: Any) -> Any:
    """Return a type without its marks for "required" and for how the package sends it."""
    while get_origin(hint) in (Annotated, Required):
        hint = get_args(hint)[0]
    return hint


@cache
def _members(hint: Any) -> tuple[Any, ...]:
    """Return the types of a union, flat; any other type as the only one."""
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
    """Return True if a type that is no union matches the value's JSON type."""
    if hint is object or hint is Any:
        return True
    if get_origin(hint) is Literal:
        return type(value) in {type(choice) for choice in get_args(hint)}
    if _is_object(hint):
        return isinstance(value, dict)
    if _is_array(hint):
        return isinstance(value, list)
    return hint not in _JSON_TYPES or type(value) in _JSON_TYPES[hint]  # a form of type that we do not know


def _problems(value: Any, hint: Any, param: str) -> list[RequestError]:
    """Return the problems of a value, in the order of its members. Null is the same as absent, so never a
    problem."""
    if value is None:
        return []
    members = [member for member in _members(hint) if member is not NoneType]
    fitting = [member for member in members if _takes(member, value)]
    if not fitting:
        return [parameter_errors.invalid_type(param, _expected(members), value)]
    if isinstance(value, dict):
        return _of_object(value, fitting, param)
    if isinstance(value, list):
        return _of_array(value, fitting, param)
    if any(get_origin(member) is not Literal for member in fitting):
        return []
    choices = [choice for member in fitting for choice in get_args(member)]
    return [] if value in choices else [parameter_errors.invalid_value(param, value, list(map(str, choices)))]


def _of_array(value: list[Any], arrays: list[Any], param: str) -> list[RequestError]:
    if any(not get_args(member) for member in arrays):  # free: any content is right
        return []
    element: Any = Union[tuple(get_args(member)[0] for member in arrays)]  # noqa: UP007
    takes_null = any(_takes(member, None) for member in _members(element))
    found: list[RequestError] = []
    for number, item in enumerate(value):
        place = f"{param}[{number}]"
        if item is None and not takes_null:  # in an array null is a value, and no absent one
            found.append(parameter_errors.invalid_type(place, _expected(_members(element)), None))
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
            return [parameter_errors.invalid_value(_place_of_type(param), type_, sorted(supported))]
    else:  # members without required fields are likelier
        typed = [member for member in typed if not _needs_type(member)] or typed
    # The member with the fewest problems is the one that the value is meant to be.
    return min((_of_fields(value, member, param) for member in typed), key=_weight)


def _weight(problems: list[RequestError]) -> tuple[int, bool]:
    """Return the weight of problems: their number, and whether one is the type of a part."""
    return len(problems), any((problem.param or "").endswith(".type") for problem in problems)


def _place_of_type(param: str) -> str:
    """Return the path at which the service reports an unknown type: for an item, that of the item itself."""
    return param if _ITEM.fullmatch(param) else f"{param}.type"


@cache
def _types_of(typed_dict: Any) -> Sequence[Any]:
    return _choices(_fields(typed_dict).get("type"))


@cache
def _needs_type(typed_dict: Any) -> bool:
    hint = _fields(typed_dict).get("type")
    return hint is not None and _is_required("type", hint)


def _choices(hint: Any) -> Sequence[Any]:
    """Return the values of a type of literals, without null; an empty result for other types."""
    members = [member for member in _members(hint) if member is not NoneType]
    if not members or any(get_origin(member) is not Literal for member in members):
        return ()
    return tuple(choice for member in members for choice in get_args(member))


def _of_fields(value: Mapping[str, Any], typed_dict: Any, param: str) -> list[RequestError]:
    fields = _fields(typed_dict)
    filled_in = _FILLED_IN if _ITEM.match(param) else frozenset()
    found = [
        parameter_errors.missing_parameter(f"{param}.{name}")
        for name, hint in fields.items()
        if value.get(name) is None and name not in filled_in and _is_required(name, hint)
    ]
    for name, item in value.items():
        place = f"{param}.{name}"
        if name in fields:
            found += _problems(item, fields[name], place)
        elif name not in filled_in:
            found.append(parameter_errors.unknown_parameter(place))
    return found


def _is_required(name: str, hint: Any) -> bool:
    if name == "type" and _choices(hint) == ("message",):  # the type of an item that gives none
        return False
    return get_origin(hint) is Required and not {NoneType, object} & set(_members(hint))


def _expected(members: Sequence[Any]) -> str:
    """Return the expected values as an error names them: "a string", "one of 'auto' or 'disabled'"."""
    kinds = list(dict.fromkeys(_kind(member) for member in members))
    if len(kinds) == 1:
        return kinds[0]
    return f"one of {', '.join(kinds[:-1])} or {kinds[-1]}"


def _kind(hint: Any) -> str:
    if get_origin(hint) is Literal:
        choices = get_args(hint)
        return "a boolean" if isinstance(choices[0], bool) else parameter_errors.one_of(choices)
    if _is_array(hint):
        return "an array"
    return _NAMES.get(hint, "an object")
