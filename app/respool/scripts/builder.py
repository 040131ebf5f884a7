"""ScriptBuilder: a Script made by method calls, one for each step. Each call returns another Script."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, cast

if TYPE_CHECKING:
    from respool.scripts.script import Script, Turn


class ScriptBuilder:
    """The methods that add to a Script. Each returns another Script.

    See docs/scripts.md for the fields. All raise ScriptError for a value that a script file may not have.

        Script().function_call("get_weather", {"city": "Paris"}).turn().message("It is sunny.")
    """

    __slots__ = ()

    def message(self, text: str, **fields: Any) -> Self:
        """Add a message of the model."""
        return self.step("message", {"text": text, **fields})

    def reasoning(self, summary: str | Sequence[str], **fields: Any) -> Self:
        """Add reasoning with this summary."""
        return self.step(
            "reasoning", {"summary": summary if isinstance(summary, str) else list(summary), **fields}
        )

    def refusal(self, text: str) -> Self:
        """Add a refusal in these words."""
        return self.step("refusal", text)

    def function_call(self, name: str, arguments: Mapping[str, Any] | str = "{}", **fields: Any) -> Self:
        """Add a call of a function. Arguments that are text are sent unchanged, valid or not."""
        value = arguments if isinstance(arguments, str) else dict(arguments)
        return self.step("function_call", {"name": name, "arguments": value, **fields})

    def custom_tool_call(self, name: str, input: str, **fields: Any) -> Self:
        """Add a call of a custom tool."""
        return self.step("custom_tool_call", {"name": name, "input": input, **fields})

    def pause(self, seconds: float) -> Self:
        """Add a pause, in seconds."""
        return self.step("pause", seconds)

    def event(self, event: Mapping[str, Any]) -> Self:
        """Add a literal event. `sequence_number` is filled in if it is absent."""
        return self.step("event", dict(event))

    def step(self, type: str, value: Any) -> Self:
        """Add a step of docs/scripts.md, by its name."""
        given = _read_turn(output=[{type: value}])
        turns = _turns(self)
        if not turns or turns[-1].plain:  # an error has no steps
            return self._with_turns((*turns, given))
        return self._with_last(replace(turns[-1], steps=(*turns[-1].steps, *given.steps)))

    def incomplete(self, reason: str = "max_output_tokens") -> Self:
        """End the response with ``response.incomplete``."""
        return self._end({"incomplete": reason})

    def failed(self, message: str = "", **fields: Any) -> Self:
        """End the response with ``response.failed``; a field is `code`."""
        return self._end({"failed": {**({"message": message} if message else {}), **fields}})

    def cut(self, after: int | None = None) -> Self:
        """Cut the stream: after so many events, or in the middle of the last item."""
        return self._end("cut" if after is None else {"cut": after})

    def error(self, status: int, message: str = "", **fields: Any) -> Self:
        """Make the turn an HTTP error; fields are `type`, `code` and `param`."""
        error = {**({"message": message} if message else {}), **fields}
        turn = _read_turn(status=status, **({"error": error} if error else {}))
        return self._with_turns((*_turns(self), turn))

    def turn(self, **settings: Any) -> Self:
        """Start another response, the answer to the next request. Settings are those of a turn, such as
        `model` and `pace`."""
        given = _read_turn(end="completed", **settings)
        return self._with_turns((*_turns(self), given))

    def _end(self, end: Any) -> Self:
        return self._with_last(replace(self._last(), end=_read_turn(end=end).end))

    def _last(self) -> "Turn":
        from respool.scripts.script import Turn

        turns = _turns(self)
        return turns[-1] if turns else Turn()

    def _with_last(self, turn: "Turn") -> Self:
        return self._with_turns((*_turns(self)[:-1], turn))

    def _with_turns(self, turns: "tuple[Turn, ...]") -> Self:
        return cast(Self, replace(cast("Script", self), turns=turns))


def _turns(builder: ScriptBuilder) -> "tuple[Turn, ...]":
    return cast("Script", builder).turns


def _read_turn(**data: Any) -> "Turn":
    from respool.scripts.script import read

    (turn,) = read(data).turns
    return replace(turn, path=())
