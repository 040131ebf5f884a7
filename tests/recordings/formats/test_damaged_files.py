"""Files of every format, damaged: a recording or a RecordingError, at a cost that grows as the file does."""

import gzip
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.recordings.formats.large_files import LARGE

from respool.check.files import check_data
from respool.errors import RecordingError
from respool.recordings import formats

_ROOT = Path(__file__).parents[3]
_FOLDERS = (_ROOT / "fixtures", _ROOT.parent / "shared/recordings", _ROOT.parent / "shared/cases")
_OTHER = (".sh", ".py", ".png", ".webp")


def _sources() -> list[tuple[str, bytes]]:
    paths = [path for folder in _FOLDERS for path in sorted(folder.rglob("*")) if path.is_file()]
    found = [(path.name, path.read_bytes()) for path in paths if path.suffix not in _OTHER]
    found += [(name, gzip.decompress(data)) for name, data in found if data[:2] == b"\x1f\x8b"]
    return [*found, *((f"{name}.txt", make(5).encode()) for name, make in LARGE.items())]


SOURCES = _sources()
PIECES = (
    *(b"\0", b"\xff", b"\xff\xfe", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\x1f\x8b\x08", b"\r", b"\n", b"\n\n"),
    *(b"[", b"{", b'"', b"]", b"}", b",", b":", b"\\", b"NaN", b"1e999", b"null", b"9" * 5000, b'"\\ud800"'),
    *(
        b"[" * 3000,
        b'{"a":' * 1000,
        b"&a *a",
        b"<<: *x",
        b"!!binary x",
        b"!!timestamp 2000-99-99",
        b"!!set {a}",
    ),
    *(
        b"!!python/object:x",
        b"!!omap [a]",
        b"? ",
        b"- ",
        b"a: ",
        b"-- a --\n",
        b"HTTP/1.1 200 OK\n",
        b"data: ",
    ),
    *(
        b'"type":',
        b'"response":',
        b'"request":',
        b'"status":',
        b'"body":',
        b'"headers":',
        b'"error":',
        b"data: {",
    ),
)
_change = st.tuples(
    st.sampled_from(["flip", "cut", "behead", "drop", "repeat", "insert", "splice", "value"]),
    st.integers(0, 2**31),
    st.sampled_from([1, 2, 7, 60, 1000]),
    st.sampled_from(PIECES),
    st.integers(0, len(SOURCES) - 1),
)


def damaged(data: bytes, changes: list[tuple[str, int, int, bytes, int]]) -> bytes:
    for what, where, size, piece, other in changes:
        at = where % (len(data) + 1)
        match what:
            case "flip":
                data = (
                    data[:at] + bytes(byte ^ (1 << where % 8) for byte in data[at : at + 1]) + data[at + 1 :]
                )
            case "cut":
                data = data[:at]
            case "behead":
                data = data[at:]
            case "drop":
                data = data[:at] + data[at + size :]
            case "repeat":
                data = data[:at] + data[at : at + size] * 3 + data[at + size :]
            case "insert":
                data = data[:at] + piece + data[at:]
            case "splice":
                data = data[:at] + SOURCES[other][1][where % (len(SOURCES[other][1]) + 1) :]
            case "value":  # of the next member
                colon = data.find(b":", at)
                data = data[: colon + 1] + b" " + piece + data[colon + 1 :]
    return data


@settings(max_examples=4 * settings.default.max_examples)
@given(
    source=st.sampled_from(SOURCES),
    changes=st.lists(_change, min_size=1, max_size=4),
    path=st.sampled_from([None, None, "a", "a.jsonl", "a.sse", "a.yaml", "a.script.yaml"]),
)
def test_a_damaged_file_is_a_recording_or_a_recording_error(
    source: tuple[str, bytes], changes: list[Any], path: str | None
) -> None:
    name, data = source
    data = damaged(data, changes)
    formats.worth_reading(data[: formats.encodings.HEAD], path or name)
    try:
        for turn in formats.read(data, "a", path or name, lambda damage: None):
            assert turn.events or turn.header.body is not None
    except RecordingError:
        pass
    assert check_data(data, path or name).path == (path or name)


def calls_of(work: Callable[[], Any]) -> int:
    """How many calls of functions some work takes."""
    count = 0

    def profile(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("make", LARGE.values(), ids=LARGE)
def test_a_file_twice_as_long_takes_about_twice_the_work(make: Callable[[int], str]) -> None:
    def read(n: int) -> Callable[[], None]:
        data = make(n).encode()

        def work() -> None:
            try:
                for turn in formats.read(data, "a", "a.txt", lambda damage: None):
                    assert turn.name
            except RecordingError:
                pass

        return work

    read(2)()  # what is imported and made once
    once, twice = calls_of(read(100)), calls_of(read(200))
    assert twice <= 2.5 * once + 1000
