"""Recordings as others have published them, if the folder lies beside the repository."""

import base64
import gzip
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from respool.recordings.formats import jsonl
from respool.recordings.recording import Recording
from respool.recordings.store import Store

FOLDER = Path(__file__).parents[2] / "shared/recordings"
MANIFEST = json.loads((FOLDER / "MANIFEST.json").read_text()) if FOLDER.is_dir() else {"recordings": []}
ENTRIES = MANIFEST["recordings"]
BY_LINE = [entry for entry in ENTRIES if entry["format"] in ("jsonl", "sse")]

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="no ../shared/recordings")


def each(entries: list[dict[str, Any]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("entry", entries, ids=[Path(entry["file"]).name for entry in entries])


def name_of(entry: dict[str, Any]) -> str:
    return Path(entry["file"].removesuffix(".gz")).with_suffix("").as_posix()


def streams(store: Store, entry: dict[str, Any]) -> list[Recording]:
    """The turns that are streams; some files hold answers of another kind as well."""
    return [turn for turn in store.turns(name_of(entry)) if not turn.plain]


@pytest.fixture(scope="module")
def store() -> Store:
    return Store([FOLDER])


def test_every_file_is_served_and_nothing_else(store: Store) -> None:
    assert store.names == sorted(name_of(entry) for entry in ENTRIES)
    assert store.refused == []
    assert [Path(one.path).name for one in store.passed_over] == ["MANIFEST.json"]


@each(ENTRIES)
def test_each_response_is_a_turn_with_all_its_events(store: Store, entry: dict[str, Any]) -> None:
    turns = streams(store, entry)
    assert [len(turn.events) for turn in turns] == entry["events_per_stream"]
    types = Counter(timed.event.type for turn in turns for timed in turn.events)
    assert types == entry["event_types"]


@each(BY_LINE)
def test_texts_are_in_the_file_byte_for_byte_in_order_and_complete(
    store: Store, entry: dict[str, Any]
) -> None:
    data = (FOLDER / entry["file"]).read_bytes()
    end = 0
    for turn in store.turns(name_of(entry)):
        for timed in turn.events:
            text = timed.event.text.encode()
            start = data.find(text, end)
            assert start >= 0, timed.event.text
            assert b"{" not in data[end:start]
            end = start + len(text)
    assert b"{" not in data[end:]


def texts_in(value: Any) -> Iterator[str]:
    """The data of all messages in a document's texts, found without the help of what is tested."""
    if (
        isinstance(value, list)
        and value
        and all(isinstance(one, dict) and list(one) == ["b64"] for one in value)
    ):
        value = [base64.b64decode(one["b64"]).decode() for one in value]
    if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        value = "".join(one if one.endswith("\n") or "\n" in one else f"{one}\n" for one in value)
    if isinstance(value, bytes):
        value = (gzip.decompress(value) if value[:2] == b"\x1f\x8b" else value).decode()
    if isinstance(value, str):
        yield from re.findall(r"^data: ?(\{.*\})\s*$", value, re.MULTILINE)
    elif isinstance(value, list | dict):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts_in(inner)


@each([entry for entry in ENTRIES if entry not in BY_LINE])
def test_texts_in_documents_are_those_that_a_search_of_its_own_finds(
    store: Store, entry: dict[str, Any]
) -> None:
    data = (FOLDER / entry["file"]).read_bytes()
    data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    document = yaml.load(data, yaml.CSafeLoader) if b"yaml" in entry["format"].encode() else json.loads(data)
    found = [timed.event.text for turn in streams(store, entry) for timed in turn.events]
    assert found == list(texts_in(document))


@each(ENTRIES)
def test_what_is_written_in_the_native_format_is_read_back_the_same(
    store: Store, entry: dict[str, Any]
) -> None:
    turns = store.turns(name_of(entry))
    again = jsonl.read(jsonl.write(turns).encode(), name_of(entry), "written.jsonl")
    assert [turn.entries for turn in again] == [turn.entries for turn in turns]
    assert [turn.header.fields for turn in again] == [
        {"respool": 1, **turn.header.fields} if turn.header.fields or number else {}
        for number, turn in enumerate(turns)
    ]


@each([entry for entry in ENTRIES if entry["has_timing"]])
def test_times_are_kept(store: Store, entry: dict[str, Any]) -> None:
    assert all(timed.gap is not None for turn in streams(store, entry) for timed in turn.events)


@each([entry for entry in ENTRIES if entry["format"] not in ("jsonl", "sse")])
def test_what_was_asked_is_known(store: Store, entry: dict[str, Any]) -> None:
    assert all("input" in turn.header.request for turn in store.turns(name_of(entry)))
