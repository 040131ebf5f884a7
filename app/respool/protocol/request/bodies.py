"""Checks of request bodies, one function for each. Each returns None or raises RequestError."""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from respool.protocol import api_errors, parameter_errors
from respool.protocol.request import parameters, sdk_types
from respool.protocol.request.level import ValidationLevel
from respool.protocol.request.parameter_types import Parameter
from respool.protocol.request.parameters import NEEDED, PARAMETERS

Body = Mapping[str, Any]


def check_create(body: Body, level: ValidationLevel, *, named: bool = False) -> None:
    """Check the body of ``POST /responses``.

    `named`: the path or a header names the recording, so no model is needed. Raise RequestError in the
    service's words, and OptionError at ValidationLevel.STRICT without the openai package.
    """
    checked = level is not ValidationLevel.OFF
    if checked and not (named or body.get("model") or _given(body, "model") or _given(body, "prompt")):
        raise (
            api_errors.model_not_found("")
            if body.get("model") == ""
            else parameter_errors.missing_parameter("model")
        )
    if level is ValidationLevel.STRICT and not any(
        _given(body, name) for name in ("input", "prompt", "previous_response_id", "conversation")
    ):
        raise (
            parameter_errors.missing_parameter("input")
            if "input" not in body
            else parameter_errors.missing_input()
        )
    beta = "multi_agent" in body and _given(body, "multi_agent")
    _check(body, level, parameters.CREATE, "beta" if beta else "create")
    if checked:
        if "conversation" in body:
            _check_parent(body)
        _check_conflicts(body)


def check_input_tokens(body: Body, level: ValidationLevel) -> None:
    """Check the body of ``POST /responses/input_tokens``. Raise as check_create does."""
    _check(body, level, parameters.INPUT_TOKENS, "input_tokens")
    if level is not ValidationLevel.OFF:
        _check_parent(body)


def check_compact(body: Body, level: ValidationLevel) -> None:
    """Check the body of ``POST /responses/compact``, which needs a model. Raise as check_create does."""
    if level is not ValidationLevel.OFF and not _given(body, "model"):
        raise parameter_errors.missing_parameter("model")
    _check(body, level, parameters.COMPACT, "compact")


def check_conversation(body: Body, level: ValidationLevel) -> None:
    """Check the body of ``POST /conversations``. Raise as check_create does."""
    _check(body, level, parameters.CONVERSATION, "conversation")


def check_conversation_update(body: Body, level: ValidationLevel) -> None:
    """Check the body of ``POST /conversations/{id}``: metadata, which may be null. Raise as check_create
    does."""
    if level is not ValidationLevel.OFF and "metadata" not in body:
        raise parameter_errors.missing_parameter("metadata")
    _check(body, level, parameters.CONVERSATION_UPDATE, "conversation_update")


def check_items(body: Body, level: ValidationLevel) -> None:
    """Check the body of ``POST /conversations/{id}/items``: at most 20 items. Raise as check_create does."""
    if body.get("items") is None:
        raise parameter_errors.missing_parameter("items")
    _check(body, level, parameters.ITEMS, "items")


def _given(body: Body, name: str) -> bool:
    value = body.get(name)
    return bool(value) or value not in (None, "", [], {})


def _check(body: Body, level: ValidationLevel, known: frozenset[str], request: str) -> None:
    if level is ValidationLevel.STRICT:
        _refuse_unknown(body, known, request)
    rows, free = _rows(level is ValidationLevel.OFF, known)
    # Most bodies have few of the parameters, and most of those accept any value of their type. Only the
    # others are looked up, and checked in the order of the table.
    others = []
    for name, value in body.items():  # no comprehension: it would be a call, for each request
        if type(value) not in free.get(name, ()) and name in rows:
            others.append(name)
    if others:
        for _, name in sorted([(rows[name][0].place, name) for name in others]):
            if body[name] is not None:
                for row in rows[name]:
                    row.check(body)
    if level is ValidationLevel.STRICT:
        sdk_types.check(body, request)


class _Row(NamedTuple):
    """A parameter, and its place in a body."""

    place: int  # in the table
    path: str
    parents: Sequence[str]
    key: str
    parameter: Parameter

    def check(self, body: Body) -> None:
        """Raise RequestError if the body's value is not allowed, or if its object lacks a required one."""
        holder: Any = body
        for parent in self.parents:
            holder = holder.get(parent)
            if not isinstance(holder, Mapping):
                return
        value = holder.get(self.key)
        if value is not None:
            self.parameter.check(self.path, value)
        elif self.parameter.required:
            raise parameter_errors.missing_parameter(self.path)


_Rows = Mapping[str, Sequence[_Row]]


@cache
def _rows(off: bool, known: frozenset[str]) -> tuple[_Rows, Mapping[str, Collection[type]]]:
    """Return the rows of these parameters by the first part of their paths, with the types that need no
    further check."""
    rows: dict[str, list[_Row]] = {}
    for place, (path, parameter) in enumerate((NEEDED if off else PARAMETERS).items()):
        *parents, key = path.split(".")
        name = (*parents, key)[0]
        if name in known:
            rows.setdefault(name, []).append(_Row(place, path, parents, key, parameter))
    # An object always needs a check if its members are in the table, too.
    return rows, {name: row.parameter.free - {dict} for name, (row, *_) in rows.items()}


def _refuse_unknown(body: Body, known: Collection[str], request: str) -> None:
    names = {*known, *sdk_types.names(request)}
    for name in body:
        if name not in names:
            near = [(far, other) for other in names - set(body) if (far := _distance(name, other)) <= 2]
            raise parameter_errors.unknown_parameter(name, [other for _, other in sorted(near)])


def _distance(a: str, b: str) -> int:
    """Return the number of edits that turn `a` into `b`, or 3 for more than two. The service suggests names
    up to two edits away."""
    if abs(len(a) - len(b)) > 2:
        return 3
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row = row, [i]
        for j, y in enumerate(b, 1):
            row.append(min(previous[j] + 1, row[-1] + 1, previous[j - 1] + (x != y)))
    return min(row[-1], 3)


def _check_parent(body: Body) -> None:
    if _given(body, "conversation") and _given(body, "previous_response_id"):
        raise parameter_errors.mutually_exclusive("previous_response_id", "conversation")


def _check_conflicts(body: Body) -> None:
    """Check the parameters of a create that depend on others. Source: their descriptions in the openai
    package."""
    stream, background = body.get("stream") is True, body.get("background") is True
    if body.get("stream_options") is not None and not stream:
        raise parameter_errors.only_when_streaming("stream_options")
    if background and body.get("store") is False:
        raise parameter_errors.unsupported_parameter("background", "not supported when 'store' is false")
    window = (body.get("background_options") or {}).get("completion_window")
    if window in ("2h", "8h") and (stream or not background):
        raise parameter_errors.unsupported_parameter(
            "background_options.completion_window", "only supported with 'background' and without 'stream'"
        )
