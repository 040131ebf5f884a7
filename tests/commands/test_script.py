"""respool script: from a file or stdin to a file or stdout, never over the recording itself."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from respool.commands.script import script
from respool.errors import OptionError, PathError, RecordingError
from respool.recordings import formats
from respool.recordings.formats import jsonl
from respool.recordings.formats import script as script_format
from respool.recordings.recording import Header, Recording, TimedEvent
from respool.scripts import read
from respool.scripts.synth import expand


def run(*args: str | Path) -> None:
    script.main([str(arg) for arg in args], standalone_mode=False)


def recorded(*turns: dict[str, Any]) -> str:
    """A recording of these scripts' events."""
    recordings = []
    for data in turns:
        (expansion,) = expand(read(data), "a")
        events = tuple(TimedEvent(it.gap, it.event) for it in expansion.events)
        recordings.append(Recording("a", Header(expansion.header), events))
    return jsonl.write(recordings)


@pytest.fixture
def hello(tmp_path: Path) -> Path:
    path = tmp_path / "hello.jsonl"
    path.write_text(recorded({"text": "Hello there!", "pace": {"ttft": 0.5}}))
    return path


HELLO = """model: gpt-5.2
usage:
  input_tokens: 0
  output_tokens: 3
text: Hello there!
"""


def test_the_script_goes_to_stdout(hello: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    run(hello)
    assert capsysbinary.readouterr() == (HELLO.encode(), b"")


def test_it_reads_stdin(
    hello: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(hello.read_bytes())))
    run("-", "-")
    assert capsysbinary.readouterr().out == HELLO.encode()


def test_it_writes_a_file_that_a_server_reads(hello: Path, tmp_path: Path) -> None:
    out = tmp_path / "again.script.yaml"
    run(hello, out)
    (made,) = script_format.read(out.read_bytes(), "again", str(out))
    (origin,) = formats.read(hello.read_bytes(), "hello", str(hello))
    assert [it.event.type for it in made.events] == [it.event.type for it in origin.events]


def test_with_pace_it_has_times(hello: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    run(hello, "--pace")
    assert capsysbinary.readouterr().out == HELLO.replace("usage", "pace:\n  ttft: 0.5\nusage").encode()


def test_text_is_written_as_it_reads(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(recorded({"text": "Ünïcödé 👋\n\n- no: 1\n", "usage": None}))
    run(path)
    expected = "model: gpt-5.2\nusage: null\ntext: |\n  Ünïcödé 👋\n\n  - no: 1\n"
    assert capsysbinary.readouterr().out.decode() == expected


def test_turns_are_a_list(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(recorded({"text": "One", "usage": None}, {"status": 429}))
    run(path)
    assert capsysbinary.readouterr().out.decode() == (
        "turns:\n  - model: gpt-5.2\n    usage: null\n    text: One\n  - status: 429\n"
    )


def test_it_says_how_many_events_no_step_gives(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(recorded({"output": [{"event": {"type": "keepalive"}}, {"message": "Hi"}]}))
    run(path)
    out, err = capsysbinary.readouterr()
    assert b"  - event:\n      type: keepalive\n  - message: Hi\n" in out
    assert err == b"events written one by one, since no step gives them: 1\n"


def test_a_name_that_no_server_takes_for_a_script_is_told(
    hello: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(hello, tmp_path / "a.yaml")
    assert capsys.readouterr().err.endswith("only if its name ends in .script.yaml\n")


def test_the_recording_itself_is_never_written_over(hello: Path) -> None:
    before = hello.read_bytes()
    with pytest.raises(OptionError, match="is the recording itself"):
        run(hello, hello)
    assert hello.read_bytes() == before


def test_a_recording_that_no_script_gives_is_an_error_with_its_place(hello: Path, tmp_path: Path) -> None:
    lines = hello.read_text().splitlines(keepends=True)
    headless = [line for line in lines if '"type":"response.in_progress"' not in line]
    path = tmp_path / "headless.jsonl"
    path.write_text("".join(["# a comment\n", *headless]))
    with pytest.raises(RecordingError) as raised:
        run(path, tmp_path / "out.script.yaml")
    assert f"{path}:2: no script gives this: event 1 is response.output_item.added" in str(raised.value)
    assert not (tmp_path / "out.script.yaml").exists()


@pytest.mark.parametrize(("recording", "out"), [("no.jsonl", "-"), ("hello.jsonl", "no/a.script.yaml")])
def test_a_path_that_is_not_there_is_an_error(hello: Path, recording: str, out: str) -> None:
    folder = hello.parent
    with pytest.raises(PathError, match="no such file"):
        run(folder / recording, out if out == "-" else folder / out)


def test_what_a_header_says_of_its_plays_is_kept(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    fields: dict[str, Any] = {
        "ids": "fresh",
        "faults": ["slow_close(seconds=2)", {"fault": "abort", "after": 3}],
        "hold": ["response.created", {"after": "response.output_text.delta", "ttl": 5}],
        "steer": {"at": "never"},
    }
    path = tmp_path / "held.jsonl"
    path.write_text(recorded({"text": "One two three", **fields}))
    run(path)
    (turn,) = script_format.read(capsysbinary.readouterr().out, "a", "a.script.yaml")
    (recording,) = formats.read(path.read_bytes(), "a", "a.jsonl")
    assert {name: turn.header.fields.get(name) for name in fields} == {
        name: recording.header.fields[name] for name in fields
    }


def test_several_responses_at_a_time_are_no_script(tmp_path: Path) -> None:
    events = [
        {"type": "response.created", "response": {"id": "a"}},
        {"type": "response.created", "response": {"id": "b"}},
        {"type": "response.completed", "response": {"id": "b"}},
        {"type": "response.completed", "response": {"id": "a"}},
    ]
    path = tmp_path / "agents.jsonl"
    path.write_text("".join(f"{json.dumps(event)}\n" for event in events))
    with pytest.raises(RecordingError, match="several responses run at a time in it"):
        run(path)
