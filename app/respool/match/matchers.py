"""MATCHERS: the conditions that a stub can set for a request. To add one is to add a row.

A `Condition` is a mapping of them, all of which must hold; ``all``, ``any`` and ``not`` hold further ones.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from respool.errors import printable
from respool.match.context import Context
from respool.match.signatures import stable
from respool.match.values import TextTest, TextTestType, part_of
from respool.option_types import FLAG, whole_type
from respool.protocol.events import dumps
from respool.scripts.records import Record
from respool.scripts.sources import ScriptPlace
from respool.scripts.value_types import ListOf, MapOf, Object, Text, ValueOf, ValueType

MAX_EXPRESSION = 2000  # characters of a JMESPath expression
MAX_DEPTH = 20  # of conditions within conditions


class Matcher(NamedTuple):
    """A row: the type of its value, and its test of a request."""

    kind: ValueType
    test: Callable[[Any, Context], bool]


@dataclass(frozen=True)
class _Expression(Text):
    """A JMESPath expression."""

    @property
    def expects(self) -> str:
        return "a JMESPath expression"

    def read(self, value: Any, place: ScriptPlace) -> Any:
        import jmespath  # imported late: only stubs with expressions need it

        text = super().read(value, place)
        if len(text) > MAX_EXPRESSION:
            raise place.error(f"an expression of {len(text)} characters, expected at most {MAX_EXPRESSION}")
        try:
            return jmespath.compile(text)
        except (jmespath.exceptions.JMESPathError, RecursionError) as error:
            cause = str(error).partition("\n")[0] or "nested too deeply"
            raise place.error(f"not a JMESPath expression: {cause}") from None


def _searched(expression: Any, context: Context) -> bool:
    import jmespath

    try:
        found = expression.search(context.body)
    except (jmespath.exceptions.JMESPathError, TypeError, ValueError, RecursionError):
        return False
    return bool(found) or (found == 0 and found is not False)  # truth as in JMESPath: 0 is true


def _mapped(tests: Mapping[str, TextTest], values: Any) -> bool:
    if not isinstance(values, Mapping):
        return False
    return all(test(_as_text(values.get(name))) for name, test in tests.items())


def _as_text(value: Any) -> str | None:
    match value:
        case None | str():
            return value
        case bool() | int() | float():
            return dumps(value)
        case _:
            return ""  # present, but no text


def _flag(name: str, usual: bool) -> Callable[[Any, Context], bool]:
    def test(expected: Any, context: Context) -> bool:
        value = context.body.get(name)
        given = usual if value is None else value is True
        return given is expected

    return test


def _headers(tests: Mapping[str, TextTest], context: Context) -> bool:
    return all(test(context.request.header(name.lower())) for name, test in tests.items())


def _tool_output(expected: Mapping[str, Any], context: Context) -> bool:
    return any(
        expected.get("name", name) == name
        and expected.get("call_id", call_id) == call_id
        and ("output" not in expected or expected["output"](text))
        for name, call_id, text in context.tool_outputs
    )


def _text_format(test: TextTest, context: Context) -> bool:
    return any(test(name) for name in context.text_format)


_OPTIONAL_TEXT = TextTestType(presence=True)

MATCHERS: Mapping[str, Matcher] = {
    "model": Matcher(
        TextTestType(about="The model."), lambda test, context: test(_as_text(context.body.get("model")))
    ),
    "instructions": Matcher(
        TextTestType(about="The instructions, with all messages of the system and of developers."),
        lambda test, context: test(context.instructions),
    ),
    "last_user_text": Matcher(
        TextTestType(about="The text of the user's last message."),
        lambda test, context: test(context.last_user_text),
    ),
    "input_item": Matcher(
        Object(about="Members that some item of the input has."),
        lambda expected, context: any(part_of(expected, item) for item in context.items),
    ),
    "tools": Matcher(
        ListOf(Text(), single=True, about="Tools that are offered: by name, server label or type."),
        lambda names, context: set(names) <= context.tools,
    ),
    "tool_choice": Matcher(
        ValueType(about="The tool choice, or members that it has."),
        lambda expected, context: part_of(expected, context.body.get("tool_choice") or "auto"),
    ),
    "tool_output": Matcher(
        Record(
            {
                "name": Text(about="The name of the tool."),
                "call_id": Text(about="The id of the call."),
                "output": TextTestType(about="What it put out."),
            },
            short="name",
            some=("name", "call_id", "output"),
            about="An output of a tool in the input.",
        ),
        _tool_output,
    ),
    "previous_response_id": Matcher(
        TextTestType(presence=True, about="The id of the previous response, or whether there is one."),
        lambda test, context: test(_as_text(context.body.get("previous_response_id"))),
    ),
    "previous_stub": Matcher(
        Text(about="The name of the stub that made the response which this one continues."),
        lambda name, context: name == context.previous_stub,
    ),
    "conversation": Matcher(
        TextTestType(presence=True, about="The id of the conversation, or whether there is one."),
        lambda test, context: test(context.conversation),
    ),
    "metadata": Matcher(
        MapOf(_OPTIONAL_TEXT, about="Keys of the metadata, and tests of their values."),
        lambda tests, context: _mapped(tests, context.body.get("metadata") or {}),
    ),
    "headers": Matcher(MapOf(_OPTIONAL_TEXT, about="Headers, and tests of their values."), _headers),
    "query": Matcher(
        MapOf(_OPTIONAL_TEXT, about="Parameters of the query, and tests of their values."),
        lambda tests, context: _mapped(tests, context.query),
    ),
    "stream": Matcher(ValueOf(FLAG, about="Whether a stream is asked for."), _flag("stream", usual=False)),
    "background": Matcher(
        ValueOf(FLAG, about="Whether it is to go on alone."), _flag("background", usual=False)
    ),
    "store": Matcher(ValueOf(FLAG, about="Whether it is to be stored."), _flag("store", usual=True)),
    "text_format": Matcher(
        TextTestType(about="The type of the text's format, or its name."),
        _text_format,
    ),
    "body": Matcher(
        Object(about="Members that the body has; objects and arrays may have more."),
        lambda expected, context: part_of(expected, context.body),
    ),
    "jmespath": Matcher(_Expression(about="A JMESPath expression that finds something true."), _searched),
    "turn": Matcher(
        ValueOf(whole_type(1), about="Which turn of a conversation it asks for, from 1."),
        lambda number, context: number == context.turn,
    ),
}
GROUPS = ("all", "any", "not")


@dataclass(frozen=True, slots=True)
class ConditionPart:
    """One matcher of a condition, with its value. `key` is equal for parts with the same test."""

    name: str
    value: Any
    key: str
    shown: str

    def holds(self, context: Context) -> bool:
        """Return True if the request passes."""
        match self.name:
            case "all":
                return all(one.holds(context) for one in self.value)
            case "any":
                return any(one.holds(context) for one in self.value)
            case "not":
                return not self.value.holds(context)
            case name:
                return MATCHERS[name].test(self.value, context)

    def follows_from(self, other: "ConditionPart") -> bool:
        """Return True if every request that passes `other` is known to pass this part."""
        if self.name != other.name:
            return False
        if isinstance(self.value, TextTest) and isinstance(other.value, TextTest):
            return self.value.follows_from(other.value)
        return self.key == other.key


@dataclass(frozen=True, slots=True)
class Condition:
    """A test of a request: all parts must hold. A condition without parts always holds."""

    parts: Sequence[ConditionPart] = ()

    def holds(self, context: Context) -> bool:
        """Return True if the request passes."""
        return all(part.holds(context) for part in self.parts)

    def failed(self, context: Context) -> list[str]:
        """Return descriptions of the parts that the request does not pass."""
        return [part.shown for part in self.parts if not part.holds(context)]

    def follows_from(self, other: "Condition") -> bool:
        """Return True if every request that passes `other` is known to pass this condition."""
        return all(any(part.follows_from(one) for one in other.parts) for part in self.parts)


@dataclass(frozen=True)
class ConditionType(ValueType):
    """A condition in a file: a mapping of matchers."""

    @property
    def expects(self) -> str:
        return "a mapping of matchers"

    def fits(self, value: Any) -> bool:
        return isinstance(value, dict) or value is None

    def read(self, value: Any, place: ScriptPlace) -> Condition:
        if sum(part in GROUPS for part in place.path) > MAX_DEPTH:
            raise place.error(f"conditions within more than {MAX_DEPTH} others")
        super().read(value, place)
        found = _record().read(value or {}, place)
        return Condition(tuple(_parts(found, value or {})))

    @property
    def definition(self) -> str:
        """Its name among the JSON Schema's definitions, where it is written once."""
        return "match"

    def schema(self) -> dict[str, Any]:
        return {"$ref": f"#/$defs/{self.definition}"}

    def shape(self) -> dict[str, Any]:
        return {"anyOf": [_record().shape(), {"type": "null"}]}


def _parts(found: Mapping[str, Any], written: Mapping[str, Any]) -> Iterator[ConditionPart]:
    for name, value in found.items():
        key = stable(written[name])
        shown = f"{name} {value}" if isinstance(value, TextTest) else f"{name}: {key}"
        yield ConditionPart(name, value, key, printable(shown))


CONDITION = ConditionType()


def _record() -> Record:
    groups: dict[str, ValueType] = {
        "all": ListOf(CONDITION, least=1, about="Conditions that all hold."),
        "any": ListOf(CONDITION, least=1, about="Conditions of which one holds."),
        "not": CONDITION,
    }
    return Record({name: matcher.kind for name, matcher in MATCHERS.items()} | groups)
