import io
import json
import sys
from pathlib import Path

import pytest

from respool.cli import main

ROOT = Path(__file__).parents[2]
HELLO = ROOT / "fixtures/text/hello.jsonl"
LINES = HELLO.read_text("utf-8").splitlines(keepends=True)
DONE = """\
event 61 made: response.output_item.done
event 62 made: response.completed, its usage estimated
the response is made to end as completed
"""


def run(*args: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["repair", *map(str, args)])
    return int(ended.value.code or 0)


@pytest.fixture
def cut(tmp_path: Path) -> Path:
    """A recording whose last two events are lost."""
    path = tmp_path / "cut.jsonl"
    path.write_text("".join(LINES[:-2]), "utf-8")
    return path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.jsonl"


def test_what_was_made_is_told_and_written(cut: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(cut, out) == 0
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", DONE)
    header, *events = out.read_text("utf-8").splitlines(keepends=True)
    assert [repair["event"] for repair in json.loads(header)["repaired"]] == [61, 62]
    assert events[:-2] == LINES[1:-2]
    assert cut.read_text("utf-8") == "".join(LINES[:-2])


def test_a_sound_recording_is_written_as_it_is(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(HELLO, out) == 0
    assert out.read_bytes() == HELLO.read_bytes()
    assert capsys.readouterr().err == "nothing to repair\n"


def test_stdin_and_stdout(
    cut: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(cut.read_bytes())))
    assert run("-", "-") == 0
    out, err = capfdbinary.readouterr()
    assert err.decode() == DONE
    assert out.decode().splitlines(keepends=True)[1:-2] == LINES[1:-2]


@pytest.mark.parametrize("named", [True, False])
def test_in_place(cut: Path, named: bool, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(cut, *([cut] if named else []), "--in-place") == 0
    assert capsys.readouterr().err == DONE
    assert run(cut, "--in-place") == 0
    assert capsys.readouterr().err == "nothing to repair\n"


@pytest.mark.parametrize("ending", ["completed", "incomplete", "failed"])
def test_the_end_is_as_it_was_asked_for(cut: Path, out: Path, ending: str) -> None:
    assert run(cut, out, "--as", ending) == 0
    assert json.loads(out.read_text("utf-8").splitlines()[-1])[1]["type"] == f"response.{ending}"


@pytest.mark.parametrize(
    ("lines", "option"),
    [
        ([*LINES[:4], LINES[4].replace('"sequence_number":3', '"sequence_number":4')], "--renumber"),
        ([*LINES[:4], *LINES[3:]], "--drop-duplicates"),
        ([*LINES, '{"type":"error","sequence_number":63,"error":{"message":"late"}}\n'], "--drop-after-end"),
    ],
)
def test_what_changes_sound_events_needs_its_option(
    tmp_path: Path, out: Path, lines: list[str], option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text("".join(lines), "utf-8")
    assert run(path, out) == 1
    message = capsys.readouterr().err
    assert message.startswith(f"respool: {path}:")
    assert f"; {option} " in message
    assert not out.exists()
    assert run(path, out, option) == 0
    assert out.exists()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("none.jsonl", "out.jsonl"), "none.jsonl: no such file or directory"),
        (("cut.jsonl",), "expected OUT, or --in-place"),
        (("cut.jsonl", "./cut.jsonl"), "./cut.jsonl is IN, too; --in-place allows to replace it"),
        (("cut.jsonl", "out.jsonl", "--in-place"), "--in-place is for one file, which is IN and OUT"),
        (("-", "--in-place"), "--in-place is for one file, which is IN and OUT"),
        (("cut.sse", "--in-place"), "cut.sse is sse, and what is written is jsonl: name another file as OUT"),
        (("cut.jsonl", "no/out.jsonl"), "cannot write no/out.jsonl: no such file or directory"),
    ],
)
def test_wrong_usage_is_told_and_nothing_is_written(
    cut: Path,
    args: tuple[str, ...],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(cut.parent)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    sse = Path("cut.sse")
    sse.write_text("".join(f"data: {line.partition(', ')[2][:-2]}\n\n" for line in LINES[1:-2]), "utf-8")
    before = {path: path.read_bytes() for path in cut.parent.iterdir()}
    assert run(*args) == 2
    assert capsys.readouterr().err.splitlines()[-1] == f"respool: {message}"
    assert {path: path.read_bytes() for path in cut.parent.iterdir()} == before


def test_what_cannot_be_repaired_is_told_with_its_line(
    tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text("".join(LINES[3:20]), "utf-8")
    assert run(path, out) == 1
    assert capsys.readouterr().err == (
        f"respool: {path}: cannot be repaired: no sound event has the response object\n"
    )
    assert not out.exists()


@pytest.mark.parametrize(
    "lines",
    [
        ['[null, {"type":"response.content_part.done","item_id":"m","part":{"type":{"":0}}}]', "[]"],
        ['{"type":"response.completed","response":{"output":[{}]}}'],
        ['[1e308, {"type":"response.created","response":{"id":"r","status":"in_progress","output":[]}}]'] * 3,
    ],
    ids=["a part of a type that is an object", "an empty item", "gaps without end"],
)
def test_odd_values_are_no_internal_error(
    lines: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    with pytest.raises(SystemExit):
        main(["repair", str(tmp_path / "a.jsonl"), str(tmp_path / "o.jsonl")])
    assert "internal error" not in capsys.readouterr().err
