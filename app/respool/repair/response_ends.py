"""The missing beginning and end of a response, made from its other events."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

from respool.check.json_values import at_path
from respool.errors import RecordingError
from respool.protocol.event_types import ITEM_TYPES
from respool.protocol.response import count_input, count_tokens
from respool.repair.damaged_stream import JSON, DamagedStream, Made

CREATED, QUEUED, IN_PROGRESS = "response.created", "response.queued", "response.in_progress"

# Fields that are null until the response has ended.
_NOT_YET = ("usage", "error", "incomplete_details", "completed_at")

# The fields of an item or a part that hold text of the model.
_WRITTEN = ("text", "refusal", "arguments", "input", "code", "diff", "commands")


class ResponseEnd(StrEnum):
    """The end that is made for a response."""

    COMPLETED = "completed"
    INCOMPLETE = "incomplete"
    FAILED = "failed"


def begin(stream: DamagedStream, *, running: bool) -> list[Made]:
    """Return the missing events at the beginning of the response. `running`: the response has items, or
    completes."""
    came = {event.type: place for place, event in reversed([*enumerate(stream.events)])}
    if stream.resumed:
        return []
    place = max(came.get(CREATED, -1), came.get(QUEUED, -1)) + 1
    made = []
    if CREATED not in came:
        made.append(_begun(stream, CREATED, "queued" if QUEUED in came else "in_progress", 0))
    elif QUEUED not in came and at_path(stream.data[came[CREATED]], ("response", "status")) == "queued":
        made.append(_begun(stream, QUEUED, "queued", place, optional=True))
    if IN_PROGRESS not in came:
        made.append(_begun(stream, IN_PROGRESS, "in_progress", place, optional=not running))
    return made


def _begun(stream: DamagedStream, type: str, status: str, place: int, *, optional: bool = False) -> Made:
    known = response_of(stream)
    response = {**known, "status": status, "output": [], **{name: None for name in _NOT_YET if name in known}}
    return Made(type, {"response": response}, optional, at=place)


def response_of(stream: DamagedStream) -> JSON:
    """Return the response object of the first event that has one. Raise RecordingError."""
    for event, data in zip(stream.events, stream.data, strict=True):
        if event.type.count(".") == 1 and isinstance(response := data.get("response"), dict):
            return response
    raise RecordingError("cannot be repaired: no sound event has the response object")


def closed(value: JSON, ending: ResponseEnd, *, whole: bool) -> JSON:
    """Return the final form of an item whose end is lost."""
    if "status" not in value:
        return value
    known = ITEM_TYPES.get(str(value.get("type")))
    statuses = known.statuses if known and known.statuses else tuple(ResponseEnd)
    wanted = ("completed",) if whole or ending is ResponseEnd.COMPLETED else ("incomplete", "failed")
    return {**value, "status": next((one for one in wanted if one in statuses), value["status"])}


def end(
    stream: DamagedStream,
    ending: ResponseEnd,
    output: Sequence[JSON],
    request: Mapping[str, Any],
    seconds: float,
) -> Made:
    """Return the event that ends the response. Token counts are estimated; a failed response has no usage and
    no output."""
    response: JSON = {**response_of(stream), "status": ending.value, "output": []}
    if ending is ResponseEnd.FAILED:
        response["error"] = {"code": "server_error", "message": "The stream was cut off."}
        return Made("response.failed", {"response": response}, at=stream.size)
    response |= {"output": [*output], "usage": _usage(output, request)}
    if ending is ResponseEnd.INCOMPLETE:
        response["incomplete_details"] = {"reason": "max_output_tokens"}
    elif "completed_at" in response and isinstance(created_at := response.get("created_at"), int | float):
        response["completed_at"] = int(created_at + seconds)
    return Made(f"response.{ending}", {"response": response}, estimated=("usage",), at=stream.size)


def _usage(output: Sequence[JSON], request: Mapping[str, Any]) -> JSON:
    tokens_in = count_input(request)
    tokens_out = sum(map(count_tokens, _texts([*output])))
    reasoning = sum(map(count_tokens, _texts([item for item in output if item.get("type") == "reasoning"])))
    return {
        "input_tokens": tokens_in,
        "input_tokens_details": {"cache_write_tokens": 0, "cached_tokens": 0},
        "output_tokens": tokens_out,
        "output_tokens_details": {"reasoning_tokens": reasoning},
        "total_tokens": tokens_in + tokens_out,
    }


def _texts(value: Any, *, written: bool = False) -> Iterator[str]:
    if isinstance(value, str) and written:
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one, written=written)
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from _texts(one, written=name in _WRITTEN)
