"""YAML read as plain data, with the place of each value.

Scalars without quotes are read as in JSON (null, true, false, a number), and all else is text: ``no``,
``12:30`` and ``2026-01-01`` are text, where YAML 1.1 makes a boolean, a number and a date.
"""

import math
import re
from dataclasses import dataclass
from typing import Any

import yaml

MAX_VALUES = 100_000  # values, repetitions by aliases included, so that a small file cannot become a huge one
MAX_TEXT = 16 * 1024 * 1024  # characters of all values, those repeated by aliases counted again

Path = tuple[str | int, ...]

_PREFIX = "tag:yaml.org,2002:"
# YAML's core schema, except for numbers: those are JSON's (and .5), so that 007 and +49 stay text.
_RESOLVERS = {
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"-?(?:0|[1-9][0-9]*)", list("-0123456789")),
    "float": (r"-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?", list("-.0123456789")),
}


# Text that libyaml and PyYAML's own parser may read differently: tabs, control characters, line ends beyond
# ASCII, question marks that may begin a key, marks of documents, directives, comments right after | or >.
# Also deep nesting on one line, which may overflow C's stack.
_NOT_FAST = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]"
    "|\\?\\s|^---|^\\.\\.\\.|^%|[|>][-+0-9]*#|(?:- ){50}",
    re.MULTILINE,
)
_MOST_BRACKETS = 1000  # opening brackets of a text that libyaml reads


class PlainYamlError(ValueError):
    """Text that is not YAML as this module reads it. `line` and `column` count from 1."""

    def __init__(self, cause: str, line: int, column: int) -> None:
        self.line = line
        self.column = column
        super().__init__(cause)


@dataclass(frozen=True, slots=True)
class _Found:
    key: tuple[int, int]  # line and column, from 1
    value: tuple[int, int]
    written: str | None


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """Plain data, and the places of its values."""

    data: Any
    found: dict[Path, _Found]

    def place(self, path: Path, at_key: bool = False) -> tuple[int, int]:
        """Return line and column of the value at `path`, or of the nearest value around it."""
        while path not in self.found:
            path = path[:-1]
        return self.found[path].key if at_key else self.found[path].value

    def written(self, path: Path) -> str | None:
        """Return the source text of a scalar."""
        return self.found[path].written if path in self.found else None


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - filled below


_FastLoader: Any = None  # with libyaml's parser, if it is installed: ten times as fast
if yaml.__with_libyaml__:

    class _FastLoader(yaml.CSafeLoader):  # type: ignore[no-redef]
        yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - filled below


class _Dumper(yaml.SafeDumper):
    """Also respects YAML 1.1, so that text which it would misread (no, 12:30) is quoted."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


for _name, (_pattern, _first) in _RESOLVERS.items():
    for _class in (_Loader, _Dumper, *([_FastLoader] if _FastLoader else [])):
        _class.add_implicit_resolver(_PREFIX + _name, re.compile(f"(?:{_pattern})$"), _first)


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    if any(
        line_end in text for line_end in "\x85\u2028\u2029"
    ):  # for YAML 1.1, which would turn them into spaces
        style = '"'
    return dumper.represent_scalar(_PREFIX + "str", text, style=style)


def _represent_list(dumper: yaml.SafeDumper, values: list[Any]) -> yaml.SequenceNode:
    numbers = bool(values) and all(type(value) in (int, float) for value in values)
    return dumper.represent_sequence(_PREFIX + "seq", values, flow_style=numbers or None)


_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(list, _represent_list)


def dump(data: Any) -> str:
    """Return plain data as YAML text, which `load` reads as the same data."""
    return yaml.dump(data, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=math.inf)


def load(text: str) -> YamlDocument:
    """Read a text. Raise PlainYamlError."""
    try:
        return _Reader().document(_compose(text))
    except RecursionError:
        raise PlainYamlError("nested too deeply", 1, 1) from None


def _compose(text: str) -> yaml.Node | None:
    if (
        _FastLoader is not None
        and text.count("[") + text.count("{") <= _MOST_BRACKETS
        and _NOT_FAST.search(text) is None
    ):
        fast = _FastLoader(text)
        try:
            quickly: yaml.Node | None = fast.get_single_node()
            return quickly
        except (yaml.YAMLError, ValueError, OverflowError):
            pass  # PyYAML's own parser gives the better error
        finally:
            fast.dispose()
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise PlainYamlError(f"the character {chr(error.character)!r} is not allowed", line, column) from None
    try:
        node: yaml.Node | None = loader.get_single_node()
        return node
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark or loader.get_mark()
        raise PlainYamlError(_explain(error), mark.line + 1, mark.column + 1) from None
    except (ValueError, OverflowError):  # PyYAML accepts any number as a character: "\\UFFFFFFFF"
        mark = loader.get_mark()
        raise PlainYamlError("there is no such character", mark.line + 1, mark.column + 1) from None
    finally:
        loader.dispose()


def _explain(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or error.context or "unreadable"
    hint = "; indent with spaces, not tabs" if "'\\t'" in problem else ""
    if "mapping values are not allowed" in problem:
        hint = "; text that has a colon and a space needs quotes"
    return f"not YAML: {problem}{hint}"


class _Reader:
    def __init__(self) -> None:
        self.found: dict[Path, _Found] = {}
        self.open: list[yaml.Node] = []
        self.size = 0  # characters so far

    def document(self, node: yaml.Node | None) -> YamlDocument:
        if node is None:
            raise PlainYamlError("empty", 1, 1)
        data = self.read(node, (), node)
        return YamlDocument(data, self.found)

    def read(self, node: yaml.Node, path: Path, key: yaml.Node) -> Any:
        if len(self.found) >= MAX_VALUES:
            raise _error(node, f"more than {MAX_VALUES} values, those repeated by aliases counted")
        if any(node is outer for outer in self.open):
            raise _error(node, "an alias of something that it is in")
        written = node.value if isinstance(node, yaml.ScalarNode) else None
        self.size += len(written or "")
        if self.size > MAX_TEXT:
            raise _error(node, f"more than {MAX_TEXT} characters, those repeated by aliases counted")
        self.found[path] = _Found(_place(key), _place(node), written)
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        self.open.append(node)
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.read(inner, (*path, number), inner) for number, inner in enumerate(node.value)]
            return self._mapping(node, path)
        finally:
            self.open.pop()

    def _mapping(self, node: yaml.Node, path: Path) -> dict[str, Any]:
        if node.tag != _PREFIX + "map":
            raise _error(node, f"the tag {_shown(node.tag)} is not known here")
        data: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _error(key, "a key is text, not a list or a mapping")
            name = _text(key)
            if name == "<<":
                raise _error(key, "<< is not read here: use an alias for a whole value")
            if name in data:
                line, _ = self.found[(*path, name)].key
                raise _error(key, f"{name} is given twice, first in line {line}")
            data[name] = self.read(value, (*path, name), key)
        return data


def _scalar(node: yaml.ScalarNode) -> Any:
    text = _text(node)
    match node.tag.removeprefix(_PREFIX):
        case "str":
            return text
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int" | "float" as kind:
            try:
                number = int(text) if kind == "int" else float(text)
            except ValueError:
                raise _error(node, f"{_shown(text)} is no number that can be read") from None
            if not math.isfinite(number):
                raise _error(node, f"{text} is too large a number")
            return number
        case _:
            raise _error(node, f"the tag {_shown(node.tag)} is not known here")


def _text(node: yaml.ScalarNode) -> str:
    """Return a scalar's text. As in JSON, two escapes may make one character: \\ud83d\\ude00."""
    try:
        return str(node.value).encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise _error(node, "half a character: an escape such as \\ud83d needs its other half") from None


def _shown(text: str) -> str:
    return text.replace(_PREFIX, "!!")[:40]


def _place(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _error(node: yaml.Node, cause: str) -> PlainYamlError:
    return PlainYamlError(cause, *_place(node))
