r"""Snapshots of Jest and Vitest (``*.snap``): streams and events in what tests have kept.

    exports[`the answer streams 1`] = `"data: {\"type\": ...}"`;

A value is a template literal that holds text, or a value as pretty-format prints it. Source: jest-snapshot,
pretty-format. Other snapshots in the file are passed over.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from respool.recordings.formats import container
from respool.recordings.formats.document import Document
from respool.recordings.formats.turn_builder import OnDamage, refuse
from respool.recordings.recording import Recording

SUFFIXES: tuple[str, ...] = ()  # most of such files hold no stream

_BEGINNING = re.compile(rb"\s*// (?:Jest|Vitest) Snapshot v")
_ENTRY = re.compile(r"^exports\[`((?:[^`\\]++|\\.)*+)`\] = `((?:[^`\\]++|\\.)*+)`;", re.MULTILINE | re.DOTALL)
_ESCAPED = re.compile(r"\\([\\`$])")
# A string, or a token of pretty-format that JSON does not have: names of types, undefined, a last comma.
_TOKEN = re.compile(
    r'("(?:[^"\\]++|\\.)*+")|(?:\bArray|\bObject|\[Object: null prototype\]) (?=[\[{])'
    r"|\bundefined\b|,(?=\s*[\]}])",
    re.DOTALL,
)


def sniff(data: bytes) -> bool:
    """Return True if it begins like a snapshot file."""
    return bool(_BEGINNING.match(data))


def read(data: bytes, name: str, path: str, on_damage: OnDamage = refuse) -> tuple[Recording, ...]:
    """Read the streams of all snapshots, in their order."""
    text = data.decode(errors="surrogateescape")
    return container.turns(Document(dict(_values(text)), "snapshot"), text, name, path, on_damage)


def _values(text: str) -> Iterator[tuple[str, Any]]:
    for number, found in enumerate(_ENTRY.finditer(text)):
        title, value = (_ESCAPED.sub(r"\1", part) for part in found.groups())
        yield f"{title}" or str(number), _value(value.strip())


def _value(shown: str) -> Any:
    """Return the value that pretty-format has printed; the text itself if it cannot be read."""
    as_json = _TOKEN.sub(_in_json, shown)
    try:
        return json.loads(as_json, strict=False)  # its strings have line ends
    except (ValueError, RecursionError):
        return shown[1:-1] if shown[:1] == shown[-1:] == '"' else shown


def _in_json(found: re.Match[str]) -> str:
    if found[1] is not None:
        return found[1]
    return "null" if found[0] == "undefined" else ""
