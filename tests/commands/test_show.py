"""respool show: what is printed, and of which recordings."""

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from respool.commands.show import show
from respool.errors import PathError, RecordingError
from respool.recordings.formats import jsonl
from respool.recordings.recording import Recording

MESSAGE = {"output_index": 0}
EVENTS = (
    (0.5, "response.created", {"sequence_number": 0, "response": {"status": "in_progress"}}),
    (0.5, "response.output_item.added", {"sequence_number": 1, **MESSAGE, "item": {"type": "message"}}),
    (0.5, "response.output_text.delta", {"sequence_number": 2, **MESSAGE, "content_index": 0, "delta": "Hi"}),
    (0.5, "response.completed", {"sequence_number": 3, "response": {"status": "completed"}}),
)
TIMELINE = """\
a completed: 4 events, 400 bytes, 2.00 s, first token at 1.50 s, 2 events/s
  response                █──────────█─────────█─────────█ 0.50-2.00 s
  message                            █─────────█           1.00-1.50 s
    output_text                                █           1.50-1.50 s

"""
LOG = """\
a completed: 4 events, 400 bytes, 2.00 s, first token at 1.50 s, 2 events/s
    0.500     0 created           in_progress
    1.000     1 output_item.added message
    1.500     2 output_text.delta "Hi"
    2.000     3 completed         completed

"""


@pytest.fixture
def folder(tmp_path: Path, recording: Callable[..., Recording]) -> Path:
    (tmp_path / "a.jsonl").write_text(jsonl.write([recording("a", EVENTS)]))
    bare = [(None, kind, fields) for _, kind, fields in EVENTS]
    turns = [recording("b", bare, note="[red]no times[/]"), recording("b", [], status=429, body={})]
    (tmp_path / "b.jsonl").write_text(jsonl.write(turns))
    return tmp_path


def run(*args: str | Path) -> None:
    show.main([str(arg) for arg in args], standalone_mode=False)


def heads(printed: str) -> list[str]:
    """The first line of each turn."""
    return [line.partition(":")[0] for line in printed.splitlines() if line and not line.startswith(" ")]


@pytest.mark.parametrize(("options", "printed"), [([], TIMELINE), (["--events"], LOG)])
def test_a_recording_is_shown_as_a_timeline_or_a_log(
    folder: Path, options: list[str], printed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run(folder / "a.jsonl", "--width", "70", *options)
    assert capsys.readouterr().out == printed


def test_a_folder_is_shown_turn_after_turn_with_a_total(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(folder)
    out = capsys.readouterr().out
    assert heads(out) == ["a completed", "b completed", "b#2 429", "3 turns, 8 events, 802 bytes, 2.08 s"]
    assert "b#2 429: no events, 2 bytes\n" in out


@pytest.mark.parametrize(
    ("names", "shown"),
    [(["b#2"], ["b#2 429"]), (["b"], ["b completed", "b#2 429"]), (["b#2", "a"], ["b#2 429", "a completed"])],
)
def test_names_choose_recordings_and_turns(
    folder: Path, names: list[str], shown: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    run(folder, *names)
    assert [head for head in heads(capsys.readouterr().out) if "turns" not in head] == shown


def test_it_says_that_there_are_no_times(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(folder, "b#1")
    out = capsys.readouterr().out.splitlines()
    assert out[1:3] == ["  [red]no times[/]", "  no times are recorded: at the default pace"]


def test_types_are_counted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(folder / "a.jsonl", "--types")
    assert "      1 response.created\n      1 response.output_item.added\n" in capsys.readouterr().out


def test_stdin_is_shown(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((folder / "b.jsonl").read_bytes())))
    run("-")
    assert heads(capsys.readouterr().out)[:2] == ["stdin completed", "stdin#2 429"]


def test_no_line_is_longer_than_the_width(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(folder / "a.jsonl", "--width", "40", "--events")
    assert max(map(len, capsys.readouterr().out.splitlines()[1:])) <= 40


def test_a_name_that_is_not_there_is_an_error_with_the_nearest(folder: Path) -> None:
    with pytest.raises(PathError, match=r"^no recording is called b#3; nearest: b$"):
        run(folder, "b#3")


def test_a_damaged_file_is_an_error_and_in_a_folder_it_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "c.jsonl").write_text("{")
    with pytest.raises(RecordingError, match=r"c\.jsonl:1"):
        run(folder / "c.jsonl")
    run(folder)
    out, err = capsys.readouterr()
    assert len(heads(out)) == 4
    assert err.startswith(f"refused: {folder / 'c.jsonl'}:1")
