"""Values of the request in a Script with `template: true`: ``${input.text}``.

The text between the braces is JMESPath, which only looks things up and runs no code. See docs/scripts.md.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from respool.protocol.events import compact
from respool.scripts.improvise.request_reading import last_words, request_items, tool_outputs
from respool.scripts.records import OneKey, Record
from respool.scripts.script import End, Script, Step, Turn
from respool.scripts.sources import ScriptError
from respool.scripts.steps import STEPS
from respool.scripts.tables import END_RECORD, TURN
from respool.scripts.value_types import Either, JsonText, ListOf, MapOf, Object, Text, ValueType

MOST_TEXT = 1_000_000  # characters of a turn's filled templates

# $${ is a literal ${; braces and quotes within an expression must be balanced.
_TEMPLATE = re.compile(
    r"""(?P<literal>\$\$\{)|\$\{(?P<expression>(?:[^{}'"`]|'[^']*'|"[^"]*"|`[^`]*`|\{[^{}]*\})*)\}|(?P<open>\$\{)"""
)


def fill(script: Script, body: Mapping[str, Any]) -> Script:
    """Return the Script with the values of a request in all turns that are templates.

    Raise ScriptError if an expression is invalid, or cannot be applied to this request.
    """
    return replace(script, turns=tuple(fill_turn(turn, body) for turn in script.turns))


def fill_turn(turn: Turn, body: Mapping[str, Any]) -> Turn:
    """Return the turn with the values of a request; unchanged if it is no template. Raise ScriptError."""
    if not turn.template:
        return turn
    filling = _Filling(request_values(body))
    steps = tuple(filling.step(step) for step in turn.steps)
    filling.path = turn.path
    end = {name: getattr(turn.end, name) for name in END_RECORD.fields if getattr(turn.end, name) is not None}
    return replace(
        turn,
        steps=steps,
        end=End(**filling.of(END_RECORD, end)),
        response=filling.of(TURN["response"], turn.response),
    )


class _Outputs(list[Any]):
    """The outputs of tools, by number and by name of the tool. JMESPath calls `get` for a field."""

    def __init__(self, named: list[tuple[str, Any]]) -> None:
        super().__init__(value for _, value in named)
        self._named = dict(named)

    def get(self, name: str) -> Any:
        return self._named.get(name)


def request_values(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data for expressions: the request's own fields, and values derived from its input."""
    items = request_items(body)
    outputs = [(output.name, _parsed(output.text)) for output in tool_outputs(items)]
    return {
        **body,
        "input": {"text": last_words(items), "items": list(items)},
        "tool_outputs": _Outputs(outputs),
        "body": body,
    }


def _parsed(text: str) -> Any:
    """Return a tool's output as data, if it is a JSON object or array."""
    if not text.lstrip().startswith(("{", "[")):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


class _Filling:
    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self._length = 0
        self.path: tuple[str | int, ...] = ()

    def step(self, step: Step) -> Step:
        self.path = step.path
        return replace(step, value=self.of(STEPS[step.type], step.value))

    def of(self, kind: ValueType, value: Any) -> Any:
        """Return a value with its templates filled: text stays text, literal JSON accepts any value."""
        match kind:
            case Text():
                return self._text(value)
            case JsonText():
                data = _parsed(value)
                return self._text(value) if isinstance(data, str) else compact(self._data(data))
            case Object():
                return self._data(value)
            case Record():
                return {name: self.of(kind.fields[name], inner) for name, inner in value.items()}
            case OneKey():
                name, inner = value
                return name, self.of(kind.kinds[name], inner)
            case ListOf():
                return tuple(self.of(kind.kind, element) for element in value)
            case MapOf():
                return {name: self.of(kind.kind, inner) for name, inner in value.items()}
            case Either():
                return self.of(next(one for one in kind.kinds if one.holds(value)), value)
            case _:
                return value

    def _data(self, value: Any) -> Any:
        """Return JSON data, filled: a string that is one expression becomes its value, of any type."""
        match value:
            case str():
                whole = _TEMPLATE.fullmatch(value)
                if whole and whole["expression"] is not None:
                    return self._value(whole["expression"])
                return self._text(value)
            case Mapping():
                return {name: self._data(inner) for name, inner in value.items()}
            case list() | tuple():
                return [self._data(element) for element in value]
            case _:
                return value

    def _text(self, text: str) -> str:
        found = _TEMPLATE.sub(self._replaced, text) if "${" in text else text
        self._length += len(found)
        if self._length > MOST_TEXT:
            raise ScriptError(f"templates have become more than {MOST_TEXT} characters", self.path)
        return found

    def _replaced(self, match: re.Match[str]) -> str:
        if match["literal"]:
            return "${"
        if match["open"]:
            raise ScriptError("expected } after ${; a literal ${ is written $${", self.path)
        value = self._value(match["expression"])
        if value is None:
            return ""
        return value if isinstance(value, str) else compact(value)

    def _value(self, expression: str) -> Any:
        from jmespath.exceptions import JMESPathError  # imported late: only templates need it

        try:
            return _compiled(expression).search(self._values)
        except JMESPathError as error:
            problem = " ".join(str(error).split())
            raise ScriptError(
                f"${{{expression}}} is no expression of JMESPath: {problem}", self.path
            ) from None


@lru_cache(maxsize=512)
def _compiled(expression: str) -> Any:
    import jmespath

    return jmespath.compile(expression.strip())
