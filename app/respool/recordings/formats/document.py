"""Parsing of documents that may hold recordings: JSON, JSON values one after the other, YAML, TOML, txtar.

Documents are limited in size and, since an alias of a few bytes can stand for a gigabyte, in nodes.
"""

import base64
import binascii
import csv
import io
import json
import json.decoder
import json.scanner
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from respool.errors import RecordingError
from respool.protocol.events import loads, not_json

if TYPE_CHECKING:
    import yaml

MAX_DOCUMENT = 64 * 1024 * 1024  # bytes of text that are parsed at once
MAX_NODES = 500_000  # texts, lists and objects visited in one document; each use of an alias counts

# A document with something of the Responses API contains an event's type or a Response object, plain or in
# base64 (at each of three alignments), or gzip in base64. No other document is parsed.
_MARKS = (
    b"response.", b'"response"', b'"response\\"', b"/responses", b'"error"', b"error:", b"H4sI",
    b"cmVzcG9uc2Uu", b"Jlc3BvbnNlL", b"yZXNwb25zZS",
)  # fmt: skip
_OBJECT = re.compile(rb"object\W{1,6}response\b")  # a literal in front makes it fast
_TRAILING_COMMA = re.compile(r",(\s*[\]}]\s*)\Z")
_TOML = re.compile(r"\[\[|[\w-]+ *= *\S")
_TXTAR = re.compile(r"^-- ([^\n]+?) --\r?$", re.MULTILINE)


def could_hold(data: bytes) -> bool:
    """Return True if it is worth parsing a document to look for streams in it."""
    return any(mark in data for mark in _MARKS) or bool(_OBJECT.search(data))


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed document. With `sequence`, `value` lists the values that stood one after the other in it."""

    value: Any
    kind: str  # "json", "yaml", "toml", "csv", "txtar"
    sequence: bool = False
    located: bool = False  # its objects are TextObjects


class TextObject(dict[str, Any]):
    """A JSON object with its source text."""

    __slots__ = ("text",)
    text: str


def escape(key: str) -> str:
    """Return a member's name, escaped for a JSON pointer."""
    return key.replace("~", "~0").replace("/", "~1")


def begins_as_json(data: bytes) -> bool:
    """Return True if a file begins like a JSON object or array."""
    return data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n\x1e")[:1] in (b"{", b"[")


def looks_like_json(text: str) -> bool:
    """Return True if a text begins like a JSON object or array."""
    return text.lstrip("\ufeff \t\r\n\x1e")[:1] in ("{", "[")


def parse_json(text: str, path: str = "", *, located: bool = False) -> Document:
    """Parse a JSON text, or several one after the other. Raise RecordingError.

    With `located`, every object is a `TextObject`: slower, for documents with events as objects.
    """
    text = text.lstrip("\ufeff\x1e")  # without a BOM and the separators of RFC 7464
    if _TRAILING_COMMA.search(text[-200:]) and text[:1] in "[{":
        text = _TRAILING_COMMA.sub(r"\1", text)  # which many writers leave at the end
    if not located:
        try:
            return Document(loads(text), "json")
        except json.JSONDecodeError as error:
            if not error.msg.startswith("Extra data"):
                raise _json_error(error, path) from None
        except ValueError as error:
            raise RecordingError(str(error), path) from None
    values = list(_values(text, path, located))
    if len(values) == 1:
        return Document(values[0], "json", located=located)
    return Document(values, "json", sequence=True, located=located)


def _values(text: str, path: str, located: bool) -> Iterator[Any]:
    decode = _located_decoder().raw_decode if located else json.JSONDecoder().raw_decode
    at, size = 0, len(text)
    while True:
        while at < size and text[at] in " \t\r\n,\x1e":
            at += 1
        if at == size:
            return
        try:
            value, at = decode(text, at)
        except json.JSONDecodeError as error:
            raise _json_error(error, path) from None
        except (RecursionError, ValueError) as error:
            deep = isinstance(error, RecursionError)
            cause = "the JSON is nested too deeply" if deep else f"not JSON that can be read: {error}"
            raise RecordingError(cause, path) from None
        yield value


def _json_error(error: json.JSONDecodeError, path: str) -> RecordingError:
    return RecordingError(not_json(error), path, error.lineno, error.colno)


def _located_decoder() -> json.JSONDecoder:
    """Return a decoder that gives TextObjects, made of the parts of `json` that are written in Python."""
    decoder: Any = json.JSONDecoder()
    parse: Any = json.decoder.JSONObject  # type: ignore[attr-defined]

    def parse_object(
        s_and_end: tuple[str, int], strict: bool, scan: Any, *rest: Any
    ) -> tuple[TextObject, int]:
        text, start = s_and_end
        value, end = parse(s_and_end, strict, scan, *rest)
        found = TextObject(value)
        found.text = text[start - 1 : end]
        return found, end

    decoder.parse_object = parse_object
    decoder.scan_once = json.scanner.py_make_scanner(decoder)  # type: ignore[attr-defined]
    located: json.JSONDecoder = decoder
    return located


def parse_yaml(text: str, path: str = "") -> Document:
    """Parse a YAML text; of several documents in it, a list. Raise RecordingError."""
    import yaml

    try:
        values = list(yaml.load_all(_printable(text), Loader=_loader()))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        lines = text.count("\n") + 1  # the end of a text may count as a line of its own
        place = (min(mark.line + 1, lines), mark.column + 1) if mark else (None, None)
        raise RecordingError(f"not YAML: {error.problem}", path, *place) from None
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as error:
        raise RecordingError(f"not YAML that can be read: {str(error).splitlines()[0]}", path) from None
    if len(values) == 1:
        return Document(values[0], "yaml")
    return Document(values, "yaml", sequence=True)


def _printable(text: str) -> str:
    """Return the text without the characters that libyaml refuses, such as lone surrogates."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


_LOADERS: "list[type[yaml.SafeLoader]]" = []


def _loader() -> "type[yaml.SafeLoader]":
    if not _LOADERS:
        _LOADERS.append(_make_loader())
    return _LOADERS[0]


def _make_loader() -> "type[yaml.SafeLoader]":
    """Return a loader that accepts any tag, reads no dates, and does not follow merge keys, since these can
    be a bomb."""
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc]
        def flatten_mapping(self, node: Any) -> None:
            """Leave ``<<`` a key."""

    wanted = {"tag:yaml.org,2002:bool", "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"}
    wanted.add("tag:yaml.org,2002:null")
    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag in wanted]
        for first, resolvers in base.yaml_implicit_resolvers.items()
    }

    def any_tag(loader: Any, suffix: str, node: Any) -> Any:
        if isinstance(node, yaml.MappingNode):
            return loader.construct_mapping(node, deep=True)
        if isinstance(node, yaml.SequenceNode):
            return loader.construct_sequence(node, deep=True)
        if suffix.endswith("binary"):
            return _binary(loader.construct_scalar(node))
        return loader.construct_scalar(node)

    def binary(loader: Any, node: Any) -> Any:
        return _binary(loader.construct_scalar(node))

    Loader.add_multi_constructor("", any_tag)
    Loader.add_constructor("tag:yaml.org,2002:binary", binary)
    return Loader


def _binary(text: str) -> bytes | str:
    try:
        return base64.b64decode(text)
    except (binascii.Error, ValueError):
        return text


def begins_as_toml(text: str) -> bool:
    """Return True if the first lines of a text are TOML: pairs and tables."""
    lines = [line for line in text.split("\n", 20)[:20] if line.strip() and not line.startswith("#")]
    return bool(lines) and bool(_TOML.match(lines[0])) and any(line.startswith("[[") for line in lines)


def parse_toml(text: str, path: str = "") -> Document:
    """Parse a TOML text. Raise RecordingError."""
    import tomllib

    try:
        return Document(tomllib.loads(_printable(text.replace("\r\n", "\n"))), "toml")
    except (ValueError, RecursionError) as error:
        raise RecordingError(f"not TOML that can be read: {error}", path) from None


def parse_csv(text: str, path: str = "") -> Document:
    """Return the rows of a CSV by the names in its first row. Raise RecordingError."""
    try:
        rows = list(islice(csv.DictReader(io.StringIO(text), strict=True), MAX_NODES))
    except csv.Error as error:
        raise RecordingError(f"not CSV that can be read: {error}", path) from None
    return Document([{str(name): cell for name, cell in row.items()} for row in rows], "csv", sequence=True)


def parse_txtar(text: str) -> Document | None:
    """Return the files of a txtar archive by their names; None for a text that is none."""
    marks = list(_TXTAR.finditer(text))
    if not marks:
        return None
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    files = {mark[1]: text[mark.end() + 1 : end] for mark, end in zip(marks, ends, strict=True)}
    return Document(files, "txtar")
