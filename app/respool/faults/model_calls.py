"""Faults of the model: the calls that it makes. The stream is legal, but its calls are awkward.

The first call of a function from the place `at` on is changed; if there is none, nothing happens. A new call
is of the function that the answer calls, else of the first that the request offers, else of `look_up`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from random import Random
from typing import Any

from respool.faults.changed_output import has_text, is_call, rewrite_arguments
from respool.faults.fault import Fault, Stage, fault_class
from respool.faults.frame import Frame
from respool.faults.output_items import Output, OutputItem, new_call, new_message
from respool.faults.output_rewriting import rewrite_output
from respool.faults.places import PlaceLike, spot
from respool.options import flag, line, share, text
from respool.protocol.events import compact, dumps, loads

_START = 1  # the first event
_DEEPEST = 8  # levels of a schema for which arguments are made up


@fault_class("cut_arguments", "model", Stage.MODEL, expect="cope")
class CutArguments(Fault):
    """The arguments of a call break off, though the call is completed.

    at    which call, by one of its events, or one before it
    keep  the share that is there
    """

    at: PlaceLike = spot("1")
    keep: float = share(0.5)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        return rewrite_arguments(frames, self.at, rng, lambda old: old[: int(self.keep * len(old))])


@fault_class("wrong_types", "model", Stage.MODEL, expect="cope")
class WrongTypes(Fault):
    """The arguments of a call are of other types than the tool says: lists for texts, texts for numbers.

    at   which call, by one of its events, or one before it
    key  which argument; auto: all
    """

    at: PlaceLike = spot("1")
    key: str = text("auto")

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        def change(old: str) -> str:
            arguments = _object(old)
            keys = arguments if self.key == "auto" else [self.key] if self.key in arguments else []
            return (
                compact({**arguments, **{key: _of_other_type(arguments[key]) for key in keys}})
                if keys
                else old
            )

        return rewrite_arguments(frames, self.at, rng, change)


def _of_other_type(value: Any) -> Any:
    match value:
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return f"about {value}"
        case str():
            return [value]
        case list():
            return dumps(value)
        case None:
            return 0
        case _:
            return [value]


@fault_class("missing_argument", "model", Stage.MODEL, expect="cope")
class MissingArgument(Fault):
    """A required argument of a call is missing.

    at   which call, by one of its events, or one before it
    key  which argument; auto: the first that the tool requires, else the first
    """

    at: PlaceLike = spot("1")
    key: str = text("auto")

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        def change(output: Output) -> list[OutputItem]:
            call = output.find(is_call)
            arguments = _object(call.value["arguments"]) if call else {}
            if call is None or not arguments:
                return list(output.items)
            schema = next(
                (_parameters(tool) for tool in output.tools if tool.get("name") == call.value.get("name")), {}
            )
            required = schema.get("required")
            auto = [key for key in (required if isinstance(required, list) else ()) if key in arguments]
            missing = [*auto, *arguments][0] if self.key == "auto" else self.key
            left = {key: value for key, value in arguments.items() if key != missing}
            return output.with_item(call, call.with_fields(arguments=compact(left)))

        return rewrite_output(frames, self.at, rng, change)


@fault_class("empty_arguments", "model", Stage.MODEL, expect="cope")
class EmptyArguments(Fault):
    """The arguments of a call are empty: no text at all, not even {}.

    at     which call, by one of its events, or one before it
    value  what is there
    """

    at: PlaceLike = spot("1")
    value: str = text("")

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        return rewrite_arguments(frames, self.at, rng, lambda old: self.value)


@fault_class("unknown_tool", "model", Stage.MODEL, expect="cope")
class UnknownTool(Fault):
    """The model calls a tool that was not offered.

    at    which call, by one of its events, or one before it
    tool  its name
    """

    at: PlaceLike = spot("1")
    tool: str = line("do_everything")

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        def change(output: Output) -> list[OutputItem]:
            call = output.find(is_call)
            return output.with_item(call, call.with_fields(name=self.tool)) if call else list(output.items)

        return rewrite_output(frames, self.at, rng, change)


@fault_class("same_call_twice", "model", Stage.MODEL, expect="cope")
class SameCallTwice(Fault):
    """The same call comes twice, with the same arguments.

    at       which call, by one of its events, or one before it
    same_id  whether the second has the call_id of the first, too
    """

    at: PlaceLike = spot("1")
    same_id: bool = flag(False)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        def change(output: Output) -> list[OutputItem]:
            call = output.find(is_call)
            if call is None:
                return list(output.items)
            fields = {"call_id": call.value["call_id"]} if self.same_id and "call_id" in call.value else {}
            return output.with_item(
                call, call, new_call(call.value["name"], call.value["arguments"], **fields)
            )

        return rewrite_output(frames, self.at, rng, change)


@fault_class("text_and_call", "model", Stage.MODEL, expect="cope")
class TextAndCall(Fault):
    """There are a text and a call in one turn: a text before the calls, or a call before the texts.

    message  what the text says where the answer has none
    """

    message: str = text("Let me look that up for you.")

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        def change(output: Output) -> list[OutputItem]:
            call, message = output.find(is_call), output.find(has_text)
            if call and not message:
                return output.with_item(call, new_message(self.message), call)
            if message and not call:
                return output.with_item(message, _call(output), message)
            return list(output.items)

        return rewrite_output(frames, _START, rng, change)


@fault_class("call_after_answer", "model", Stage.MODEL, expect="cope")
class CallAfterAnswer(Fault):
    """There is one more call after the final answer; where there is no answer, that comes first.

    message  what the answer says where there is none
    """

    message: str = text("All done.")

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        def change(output: Output) -> list[OutputItem]:
            answer = [] if output.find(has_text) else [new_message(self.message)]
            return [*output.items, *answer, _call(output)]

        return rewrite_output(frames, _START, rng, change)


@fault_class("endless_calls", "model", Stage.MODEL, expect="cope")
class EndlessCalls(Fault):
    """The model never answers: each answer is a call in place of its text, after any tool output.

    An answer that calls already stays as it is.
    """

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        def change(output: Output) -> list[OutputItem]:
            message = output.find(has_text)
            if output.find(is_call) or message is None:
                return list(output.items)
            left = output.with_item(message, _call(output))
            return [item for item in left if item.text is None]

        return rewrite_output(frames, _START, rng, change)


@fault_class("unknown_item", "model", Stage.MODEL, expect="cope")
class UnknownItem(Fault):
    """There is an output item of a type that is new, before all others.

    type  its type
    """

    type: str = line("hologram_call")

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        new = OutputItem({"type": self.type, "status": "completed", "data": "?"})
        return rewrite_output(frames, _START, rng, lambda output: [new, *output.items])


def _call(output: Output) -> OutputItem:
    """Return a new call of an available function."""
    if call := output.find(is_call):
        return new_call(call.value["name"], call.value["arguments"])
    for tool in output.tools:
        if tool.get("type") == "function" and isinstance(tool.get("name"), str):
            return new_call(tool["name"], compact(_sample(_parameters(tool))))
    return new_call("look_up", "{}")


def _parameters(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    parameters = tool.get("parameters")
    return parameters if isinstance(parameters, dict) else {"type": "object"}


def _sample(schema: Any, depth: int = 0) -> Any:
    """Return a value for a JSON Schema, if it is simple."""
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return None
    for name in ("const", "default"):
        if name in schema:
            return schema[name]
    for name in ("enum", "anyOf", "oneOf"):
        if isinstance(found := schema.get(name), list) and found:
            return found[0] if name == "enum" else _sample(found[0], depth + 1)
    types = schema.get("type", "object" if "properties" in schema else None)
    match (
        types if isinstance(types, str) else next(iter(types), None) if isinstance(types, Sequence) else None
    ):
        case "object":
            properties = schema.get("properties")
            items = properties.items() if isinstance(properties, dict) else ()
            return {name: _sample(inner, depth + 1) for name, inner in items}
        case "array":
            return []
        case "string":
            return "example"
        case "integer" | "number":
            return 1
        case "boolean":
            return True
        case _:
            return None


def _object(arguments: str) -> dict[str, Any]:
    """Return the arguments of a call; empty if they are no JSON object."""
    try:
        value = loads(arguments)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
