from pathlib import Path

import pytest

from respool import Script, load
from respool.errors import PathError, RecordingError

FIXTURES = Path(__file__).parent.parent / "fixtures"


def test_a_file_is_a_list_of_its_answers() -> None:
    [hello] = load(FIXTURES / "text" / "hello.jsonl")
    assert hello.name == "hello"
    assert hello.status == 200
    assert hello.events[0]["type"] == "response.created"
    assert len(hello.times) == len(hello.events)
    assert hello.times == sorted(hello.times)
    assert hello.response["status"] == "completed"
    assert hello.output_text.startswith("Hello! 👋")


def test_the_answers_of_a_conversation_are_its_turns() -> None:
    turns = load(FIXTURES / "text" / "conversation.jsonl")
    assert [turn.name for turn in turns] == [
        "conversation",
        *(f"conversation#{n}" for n in range(2, len(turns) + 1)),
    ]


def test_an_http_error_has_a_body_instead_of_events() -> None:
    [limit] = load(FIXTURES / "errors" / "rate_limit.jsonl")
    assert limit.status == 429
    assert not limit.events
    assert "error" in limit.response
    assert limit.check() == []
    assert limit.to_sse() == b""


def test_a_script_is_loaded_like_a_file() -> None:
    first, second = load(Script().function_call("f").turn().message("Hi."))
    assert first.response["output"][0]["name"] == "f"
    assert second.output_text == "Hi."
    assert first.check() == second.check() == []


def test_a_stream_is_checked(tmp_path: Path) -> None:
    file = tmp_path / "cut.jsonl"
    file.write_text('{"type":"response.created","sequence_number":0,"response":{"id":"resp_1"}}\n')
    [cut] = load(file)
    assert "RS106" in [finding.code for finding in cut.check()]


def test_fields_are_validated_when_that_is_asked_for() -> None:
    [hello] = load(FIXTURES / "text" / "hello.jsonl")
    assert not [finding for finding in hello.check(schema=True) if finding.level == "error"]


def test_a_stream_is_written_as_it_is_sent(tmp_path: Path) -> None:
    [hello] = load(FIXTURES / "text" / "hello.jsonl")
    (tmp_path / "hello.sse").write_bytes(hello.to_sse())
    [again] = load(tmp_path / "hello.sse")
    assert again.events == hello.events
    assert again.to_sse() == hello.to_sse()


def test_what_it_is_shows_in_its_repr() -> None:
    [hello] = load(FIXTURES / "text" / "hello.jsonl")
    assert repr(hello) == f"<LoadedRecording hello: {len(hello.events)} events>"


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(PathError, match=r"^nothing\.jsonl: no such file or directory$"):
        load("nothing.jsonl")


def test_what_is_no_recording_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("[0, {]\n")
    with pytest.raises(RecordingError, match=r"a\.jsonl:1:"):
        load(tmp_path / "a.jsonl")
