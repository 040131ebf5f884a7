"""What is written, and what is left when that fails."""

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from respool.record.shelf import RecordingStopped, Shelf, leftovers
from respool.recordings.store import Store

TURN = '{"respool": 1, "body": "a"}\n'
OTHER = '{"respool": 1, "body": "b"}\n'


def write(shelf: Shelf, name: str, text: str) -> Path:
    shelf.reserve(name)
    slot = shelf.begin(name, text[:10])
    return shelf.finish(slot, text)


def test_a_turn_is_appended_to_a_partial_file_and_then_put_into_place(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    slot = shelf.begin("a/b", "one\n")
    shelf.append(slot, "two\n")
    assert (tmp_path / "a/b.jsonl.partial").read_text() == "one\ntwo\n"
    assert not Store(tmp_path).names
    assert shelf.finish(slot, TURN).read_text() == TURN
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.jsonl"]
    assert (tmp_path / "a/b.jsonl").stat().st_mode & 0o777 == 0o600


def test_later_turns_are_added_to_the_file(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    write(shelf, "a", TURN)
    assert write(shelf, "a", OTHER).read_text() == TURN + OTHER
    assert shelf.finished_turns("a") == 2


def test_a_turn_can_be_written_anew(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    write(shelf, "a", TURN)
    path = write(shelf, "a", OTHER)
    assert shelf.replace_turn("a", 1, "longer than before\n") == path
    assert path.read_text() == "longer than before\n" + OTHER
    path.write_text("somebody's own")
    assert shelf.replace_turn("a", 1, TURN) is None
    assert path.read_text() == "somebody's own"


@pytest.mark.parametrize("there", ["a.jsonl", "a.sse", "a.script.yaml", "a.har"])
def test_a_name_that_is_taken_gets_a_number(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("x")
    shelf = Shelf(tmp_path)
    assert shelf.free("a") == "a-2"
    shelf.reserve("a-2")
    assert shelf.free("a") == "a-3"
    shelf.release("a-2")
    assert shelf.free("a") == "a-2"


def test_a_file_that_is_there_is_never_overwritten(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    slot = shelf.begin("a", "")
    (tmp_path / "a.jsonl").write_text("made meanwhile")
    with pytest.raises(RecordingStopped, match=r"a\.jsonl: file exists; what came is in .*a\.jsonl\.partial"):
        shelf.finish(slot, TURN)
    assert (tmp_path / "a.jsonl").read_text() == "made meanwhile"


def test_overwrite_replaces_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("old")
    shelf = Shelf(tmp_path, overwrite=True)
    assert shelf.free("a") == "a"
    assert write(shelf, "a", TURN).read_text() == TURN
    assert write(shelf, "a", OTHER).read_text() == TURN + OTHER


def test_partial_files_of_a_killed_recorder_stay(tmp_path: Path) -> None:
    Shelf(tmp_path).begin("a", TURN)
    shelf = Shelf(tmp_path)
    assert [path.name for path in leftovers(tmp_path)] == ["a.jsonl.partial"]
    write(shelf, "a", OTHER)
    assert (tmp_path / "a.jsonl.partial").read_text() == TURN


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordingStopped, match=r"cannot write .*requests are still relayed"):
        Shelf(tmp_path / "file" / "folder")


def test_a_file_where_a_folder_is_to_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(RecordingStopped, match=r"cannot write .*a/b.jsonl.partial: file exists"):
        write(Shelf(tmp_path), "a/b", TURN)


def test_turns_are_appended_to_a_file_of_an_earlier_run_where_that_is_asked_for(tmp_path: Path) -> None:
    write(Shelf(tmp_path), "a", TURN)
    shelf = Shelf(tmp_path)
    assert shelf.append_to("a", 1)
    assert write(shelf, "a", OTHER).read_text() == TURN + OTHER
    assert shelf.finished_turns("a") == 2
    assert shelf.replace_turn("a", 2, TURN) is not None
    assert (tmp_path / "a.jsonl").read_text() == TURN + TURN
    assert not shelf.append_to("none", 1)


def test_what_does_not_fit_ends_with_a_whole_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Shelf(tmp_path)
    slot = shelf.begin("a", TURN)
    write_ = os.write
    room = iter([5])

    def full(descriptor: int, data: bytes) -> int:
        for size in room:
            return write_(descriptor, data[:size])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(RecordingStopped, match="no space left on device"):
        shelf.append(slot, OTHER)
    assert (tmp_path / "a.jsonl.partial").read_text() == TURN


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting needs to be root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_keeps_what_was_finished(small_disk: Path) -> None:
    shelf = Shelf(small_disk)
    write(shelf, "a", TURN)
    slot = shelf.begin("b", TURN)
    for _ in range(40):
        shelf.append(slot, "# " + "x" * 996 + "\n")
    with pytest.raises(RecordingStopped, match="no space left on device"):
        shelf.append(slot, ("# " + "x" * 996 + "\n") * 40)
    assert (small_disk / "a.jsonl").read_text() == TURN
    assert all(len(line) == 998 or line in TURN for line in slot.partial.read_text().splitlines())


def test_a_read_only_folder_is_told(small_disk: Path) -> None:
    shelf = Shelf(small_disk)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(RecordingStopped, match="read-only file system"):
        shelf.begin("a", TURN)
