"""The tables of types, held against the openai package: a new release of it shows here what is new."""

from collections.abc import Iterable, Iterator, Mapping
from types import NoneType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from openai.types.beta.beta_response_inject_created_event import BetaResponseInjectCreatedEvent
from openai.types.beta.beta_response_inject_failed_event import BetaResponseInjectFailedEvent
from openai.types.responses import ResponseOutputItem, ResponsesServerEvent, ResponseStreamEvent
from pydantic import BaseModel

from respool.protocol.event_types import EVENT_TYPES, ITEM_TYPES, STATUSES, EventKind, EventOrigin, EventType

Model = type[BaseModel]

# On the wire the details of an error are nested, which the WebSocket's own class says.
NESTED_ERROR = "ResponseWsError"


def members(union: Any) -> list[Model]:
    """The classes of a discriminated union, which the package writes as Annotated[Union[...], ...]."""
    return list(get_args(get_args(union)[0]))


def literal(model: Model, field: str) -> tuple[str, ...]:
    """The values of a Literal field, which may be optional."""
    annotation = model.model_fields[field].annotation if field in model.model_fields else None
    return tuple(
        value
        for part in (annotation, *get_args(annotation))
        if get_origin(part) is Literal
        for value in get_args(part)
    )


def json_type(annotation: Any) -> str:
    """The JSON type that a field of the package has."""
    if get_origin(annotation) is Annotated:
        return json_type(get_args(annotation)[0])
    if get_origin(annotation) is Union:
        (one,) = {json_type(part) for part in get_args(annotation) if part is not NoneType}
        return one
    origin = get_origin(annotation) or annotation
    if origin is Literal or origin is str:
        return "string"
    if isinstance(origin, type) and issubclass(origin, BaseModel):
        return "object"
    return {
        int: "integer",
        float: "number",
        bool: "boolean",
        list: "array",
        dict: "object",
        object: "object",
    }[origin]


def required(model: Model) -> Mapping[str, str]:
    return {
        name: json_type(field.annotation) for name, field in model.model_fields.items() if field.is_required()
    }


def differences(rows: Iterable[EventType], models: Iterable[Model]) -> Iterator[str]:
    """What a reader must do to bring the table up to date, a line each."""
    ours = {row.name: row for row in rows}
    theirs = {literal(model, "type")[0]: model for model in models}
    for name in sorted(theirs.keys() - ours.keys()):
        yield f"new in the package: {name}, with {dict(required(theirs[name]))}"
    for name in sorted(ours.keys() - theirs.keys()):
        yield f"no longer in the package: {name}"
    for name in sorted(ours.keys() & theirs.keys()):
        if dict(ours[name].required) != required(theirs[name]):
            yield f"{name}: requires {required(theirs[name])}, in our table {dict(ours[name].required)}"
        unknown = {field for field in ours[name].optional if field in theirs[name].model_fields}
        for field in sorted(unknown):
            their_type = json_type(theirs[name].model_fields[field].annotation)
            if ours[name].optional[field] != their_type:
                yield f"{name}: {field} is {their_type}, in our table {ours[name].optional[field]}"


def test_events_are_those_of_the_package_with_their_required_fields() -> None:
    rows = [
        row for row in EVENT_TYPES.values() if row.origin is EventOrigin.PACKAGE and "sse" in row.transports
    ]
    assert list(differences(rows, members(ResponseStreamEvent))) == []


def test_events_of_the_websocket_are_those_of_the_package() -> None:
    rows = [
        row for row in EVENT_TYPES.values() if row.origin is EventOrigin.PACKAGE and "ws" in row.transports
    ]
    models = [model for model in members(ResponsesServerEvent) if model.__name__ != NESTED_ERROR]
    assert list(differences([row for row in rows if row.name != "error"], models)) == []


def test_events_of_the_beta_are_those_of_the_package() -> None:
    rows = [row for row in EVENT_TYPES.values() if row.origin is EventOrigin.BETA]
    models: list[Model] = [BetaResponseInjectCreatedEvent, BetaResponseInjectFailedEvent]
    assert list(differences(rows, models)) == []


def test_the_comparison_tells_what_is_new_gone_and_changed() -> None:
    class Brewed(BaseModel):
        type: Literal["response.tea.brewed"]
        cups: int

    class Created(BaseModel):
        type: Literal["response.created"]
        response: list[str]

    rows = [EVENT_TYPES["response.created"], EVENT_TYPES["response.queued"]]
    new, gone, changed = differences(rows, [Brewed, Created])
    assert new == "new in the package: response.tea.brewed, with {'type': 'string', 'cups': 'integer'}"
    assert gone == "no longer in the package: response.queued"
    assert changed == (
        "response.created: requires {'type': 'string', 'response': 'array'}, in our table "
        "{'type': 'string', 'sequence_number': 'integer', 'response': 'object'}"
    )


def test_items_are_those_of_the_package_with_their_statuses() -> None:
    theirs = {literal(model, "type")[0]: model for model in members(ResponseOutputItem)}
    assert set(ITEM_TYPES) == set(theirs)
    for name, model in theirs.items():
        assert set(ITEM_TYPES[name].statuses) == set(literal(model, "status")), name
        assert ITEM_TYPES[name].call == ("call_id" in model.model_fields)


@pytest.mark.parametrize("row", EVENT_TYPES.values(), ids=lambda row: row.name)
def test_each_row_is_consistent(row: EventType) -> None:
    assert row.items <= ITEM_TYPES.keys()
    assert not row.required.keys() & row.optional.keys()
    assert row.of_item == ("output_index" in row.required)
    if row.items:
        assert row.of_item
    if row.kind in (EventKind.LIFECYCLE, EventKind.TERMINAL):
        assert row.required["response"] == "object"


def test_an_event_of_a_part_says_which_part() -> None:
    assert EVENT_TYPES["response.output_text.delta"].index == "content_index"
    assert EVENT_TYPES["response.reasoning_summary_part.done"].index == "summary_index"
    assert EVENT_TYPES["response.shell_call_command.delta"].index == "command_index"
    assert EVENT_TYPES["response.function_call_arguments.delta"].index is None


def test_events_of_other_producers_are_marked() -> None:
    others = {row.name: row.origin for row in EVENT_TYPES.values() if row.origin is not EventOrigin.PACKAGE}
    assert others == {
        "keepalive": EventOrigin.WIRE,
        "response.apply_patch_call_operation_diff.delta": EventOrigin.WIRE,
        "response.apply_patch_call_operation_diff.done": EventOrigin.WIRE,
        "response.inject.created": EventOrigin.BETA,
        "response.inject.failed": EventOrigin.BETA,
        "codex.rate_limits": EventOrigin.CODEX,
        "codex.response.metadata": EventOrigin.CODEX,
        "response.metadata": EventOrigin.CODEX,
        "responsesapi.websocket_timing": EventOrigin.CODEX,
        "response.reasoning.delta": EventOrigin.OPEN_RESPONSES,
        "response.reasoning.done": EventOrigin.OPEN_RESPONSES,
        "response.reasoning_part.added": EventOrigin.VLLM,
        "response.reasoning_part.done": EventOrigin.VLLM,
    }


def test_statuses_are_those_of_all_items() -> None:
    assert {"in_progress", "completed", "incomplete", "failed", "searching"} < STATUSES
