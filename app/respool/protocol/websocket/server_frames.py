"""Server frames that are no events of a response, and the lane of an event."""

from collections.abc import Mapping, Sequence
from typing import Any

from respool.errors import RequestError
from respool.protocol.events import compact
from respool.protocol.members import drop_member, set_members


def with_stream_id(text: str, stream_id: str | None) -> str:
    """Return the text of an event with its lane; unchanged on the default lane (None)."""
    if stream_id is None:
        return drop_member(text, "stream_id") if '"stream_id"' in text else text
    return set_members(text, {"stream_id": stream_id})


def error_frame(error: RequestError, stream_id: str | None = None) -> str:
    """Return the frame of an error. `code` is always a string, as clients require."""
    details = {"type": error.type, "code": error.code or error.type, "message": error.message}
    if error.param is not None:
        details["param"] = error.param
    return compact({"type": "error", "status": error.status, **_lane(stream_id), "error": details})


def steer_accepted(id: str, previous: str, number: int, stream_id: str | None) -> str:
    """Return ``response.steer.accepted``; `number` continues the count of the steered response."""
    return _event("accepted", {"steer": {"id": id, "previous_response_id": previous}}, number, stream_id)


def steer_pending(
    id: str, previous: str, required: Sequence[Mapping[str, Any]], number: int, stream_id: str | None
) -> str:
    """Return ``response.steer.pending``: the client must send what is `required` first."""
    fields = {
        "steer": {"id": id, "previous_response_id": previous},
        "reason": "waiting_for_required_input",
        "required_input": required,
    }
    return _event("pending", fields, number, stream_id)


def steer_failed(
    code: str,
    message: str,
    previous: str,
    input: Any,
    number: int,
    stream_id: str | None,
    id: str | None = None,
) -> str:
    """Return ``response.steer.failed``; only a steer that was accepted before has an `id`."""
    steer = {**({} if id is None else {"id": id}), "previous_response_id": previous, "input": echo(input)}
    error = {"type": "invalid_request_error", "code": code, "message": message}
    return _event("failed", {"steer": steer, "error": error}, number, stream_id)


def inject_created(response_id: str, number: int, stream_id: str | None) -> str:
    """Return ``response.inject.created``."""
    return _frame("response.inject.created", {"response_id": response_id}, number, stream_id)


def inject_failed(
    response_id: str, input: Any, code: str, message: str, number: int, stream_id: str | None
) -> str:
    """Return ``response.inject.failed``."""
    error = {"code": code, "message": message}
    fields = {"response_id": response_id, "input": echo(input), "error": error}
    return _frame("response.inject.failed", fields, number, stream_id)


def echo(value: Any) -> Any:
    """Return a client's value, or None if it cannot be written as JSON again: huge numbers, deep nesting."""
    try:
        compact(value)
    except (ValueError, RecursionError):
        return None
    return value


def _event(what: str, fields: Mapping[str, Any], number: int, stream_id: str | None) -> str:
    return _frame(f"response.steer.{what}", fields, number, stream_id)


def _frame(type: str, fields: Mapping[str, Any], number: int, stream_id: str | None) -> str:
    return compact({"type": type, **fields, "sequence_number": number, **_lane(stream_id)})


def _lane(stream_id: str | None) -> Mapping[str, str]:
    return {} if stream_id is None else {"stream_id": stream_id}
