"""Validation of fields against the openai package's own models.

Needs the extra ``respool[schema]``. Recordings older than a field lack it, and nothing breaks: so a missing
field is an info, and only a value of another type than the SDK declares is a warning.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, get_args

from respool.check.findings import Finding, Level
from respool.errors import RespoolError
from respool.protocol.events import Event

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

MISSING = "RS651"
WRONG_TYPE = "RS652"


def sdk_version() -> str:
    """Return the version of the openai package. Raise RespoolError if it is not installed."""
    try:
        from openai import __version__
    except ImportError:
        raise RespoolError(
            "field validation needs the openai package: pip install 'respool[schema]'"
        ) from None
    return __version__


def validate(events: Iterable[Event]) -> list[Finding]:
    """Return the findings of the SDK's models in one stream; equal findings once, with a count."""
    models = _models()
    counts: Counter[tuple[str, str, str, str]] = Counter()
    first: dict[tuple[str, str, str, str], int] = {}
    for number, event in enumerate(events):
        model = models.get(event.type)
        for code, place, problem in _problems(model, event.data) if model else ():
            key = (code, event.type, place, problem)
            counts[key] += 1
            first.setdefault(key, number)
    return [_finding(*key, count=counts[key], event=number) for key, number in first.items()]


def _finding(code: str, type_: str, place: str, problem: str, *, count: int, event: int) -> Finding:
    times = f" ({count} times)" if count > 1 else ""
    level = Level.INFO if code == MISSING else Level.WARNING
    return Finding(code, level, f"{type_}: {place}: {problem}{times}", event)


def _problems(model: "type[BaseModel]", data: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
    from pydantic import ValidationError

    try:
        model.model_validate(data)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        for problem in _of_chosen_members(problems):
            code = MISSING if problem["type"] == "missing" else WRONG_TYPE
            yield code, _place(data, problem["loc"]), problem["msg"][0].lower() + problem["msg"][1:]


def _of_chosen_members(problems: "list[ErrorDetails]") -> "Iterable[ErrorDetails]":
    """Drop pydantic's problems with the members of a union whose ``type`` is not the value's.

    If no member has that type (a new item type), keep one problem about it.
    """
    others = {problem["loc"][:-1] for problem in problems if _is_other_type(problem)}
    kept = [problem for problem in problems if not any(problem["loc"][: len(it)] == it for it in others)]
    return kept or [problem for problem in problems if _is_other_type(problem)][:1]


def _is_other_type(problem: "ErrorDetails") -> bool:
    return problem["type"] == "literal_error" and problem["loc"][-1] == "type"


def _place(data: Any, location: Sequence[str | int]) -> str:
    """Return a pydantic location as a path: ``response.output[].id``. It has no names of models and no
    numbers, so that the same field of all items is one finding."""
    place = ""
    for step, last in zip(location, [False] * (len(location) - 1) + [True], strict=True):
        if isinstance(data, list) and isinstance(step, int):
            place += "[]"
            data = data[step] if step < len(data) else None
        elif isinstance(data, dict) and (step in data or last):
            place += f".{step}"
            data = data.get(str(step))
    return place.removeprefix(".")


@cache
def _models() -> "Mapping[str, type[BaseModel]]":
    """Return the SDK's model of each event type."""
    sdk_version()
    from openai.types.responses import ResponseStreamEvent

    union = get_args(ResponseStreamEvent)[0]  # Annotated[Union[...], PropertyInfo(...)]
    return {get_args(model.model_fields["type"].annotation)[0]: model for model in get_args(union)}
