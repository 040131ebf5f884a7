"""Recordings as others have published them, if the folder lies beside the repository."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from respool.recordings.formats import jsonl
from respool.recordings.store import Store

FOLDER = Path(__file__).parents[2] / "shared/recordings"
MANIFEST = json.loads((FOLDER / "MANIFEST.json").read_text()) if FOLDER.is_dir() else {"recordings": []}
READABLE = [entry for entry in MANIFEST["recordings"] if entry["format"] in ("jsonl", "sse")]

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="no ../shared/recordings")
each_readable = pytest.mark.parametrize(
    "entry", READABLE, ids=[Path(entry["file"]).name for entry in READABLE]
)


def name_of(entry: dict[str, Any]) -> str:
    return Path(entry["file"]).with_suffix("").as_posix()


@pytest.fixture(scope="module")
def store() -> Store:
    return Store([FOLDER])


def test_files_of_the_formats_that_are_read_are_served_and_no_others(store: Store) -> None:
    assert store.names == sorted(name_of(entry) for entry in READABLE)
    assert store.refused == []


@each_readable
def test_each_response_is_a_turn_with_all_its_events(store: Store, entry: dict[str, Any]) -> None:
    turns = store.turns(name_of(entry))
    assert [len(turn.events) for turn in turns] == entry["events_per_stream"]
    types = Counter(timed.event.type for turn in turns for timed in turn.events)
    assert types == entry["event_types"]


@each_readable
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


@each_readable
def test_what_is_written_in_the_native_format_is_read_back_the_same(
    store: Store, entry: dict[str, Any]
) -> None:
    turns = store.turns(name_of(entry))
    again = jsonl.read(jsonl.write(turns).encode(), name_of(entry), "written.jsonl")
    assert [turn.events for turn in again] == [turn.events for turn in turns]
