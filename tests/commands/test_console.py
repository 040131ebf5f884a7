"""What is printed is harmless, and what is written is whole."""

import errno
import io
import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from respool.commands import console
from respool.commands.console import new_console, write_file
from respool.errors import PathError, escaped


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, café 👋🏽 日本語\tx\n", "plain, café 👋🏽 日本語\tx\n"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("a\rb\x00\x9b1m\x7f", "a\\rb\\x00\\x9b1m\\x7f"),
        ("\u202eabc\u2066\u200f", "\\u202eabc\\u2066\\u200f"),
        ("a\u2028b\u200b\ufeff", "a\\u2028b\\u200b\\ufeff"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("👩\u200d🚀", "👩\u200d🚀"),
    ],
)
def test_what_steers_a_terminal_is_escaped(text: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert escaped(text) == shown
    console.echo(text, nl=False)
    new_console().print(text.rstrip("\n"), markup=False, soft_wrap=True, end="\n")
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "\u202e" not in printed


def test_a_reader_that_has_left_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        console.echo("a line")
        console.echo_bytes(b"bytes")
        new_console().print("a line")
        console.flush_stdout()


def test_a_file_is_written_with_the_usual_rights(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_file(path, b"one")
    mask = os.umask(0)
    os.umask(mask)
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"one", 0o666 & ~mask)
    path.chmod(0o640)
    write_file(path, b"two")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"two", 0o640)
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"one")
    (tmp_path / "link").symlink_to("real")
    write_file(tmp_path / "link", b"two")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"two"


def test_a_file_that_is_there_is_kept_where_it_is_not_to_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_file(path, b"one", replace=False)
    with pytest.raises(PathError, match="file exists"):
        write_file(path, b"two", replace=False)
    assert (path.read_bytes(), list(tmp_path.iterdir())) == (b"one", [path])


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(console.os, "fsync", full)
    with pytest.raises(PathError, match="no space left on device"):
        write_file(path, b"two")
    assert (path.read_bytes(), list(tmp_path.iterdir())) == (b"one", [path])


def test_a_device_is_written_as_it_is(tmp_path: Path) -> None:
    write_file(Path("/dev/null"), b"one")
    with pytest.raises(PathError, match="no space left on device"):
        write_file(Path("/dev/full"), b"one")


@pytest.mark.parametrize("name", ["no/a", "a" * 300, "a\0b"])
def test_a_path_that_cannot_be_written_is_one_line(name: str, tmp_path: Path) -> None:
    with pytest.raises(PathError, match=r"^cannot write "):
        write_file(tmp_path / name, b"one")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_a_stream_takes_every_character(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    stream: Any = io.TextIOWrapper(raw, encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    console.prepare_streams()
    console.echo("█─ 日 👋")
    stream.flush()
    shown = raw.getvalue().decode(encoding)
    assert shown == ("█─ 日 👋\n" if encoding == "utf-8" else "#- \\u65e5 \\U0001f44b\n")
    stream.detach()
