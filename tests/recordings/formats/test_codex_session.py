import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from respool.check.checker import check
from respool.commands.script import script as command
from respool.errors import NotARecording
from respool.recordings import formats
from respool.recordings.formats import script
from respool.recordings.recording import Recording

USER = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "list the boats"}]}
REASONING = {
    "type": "reasoning",
    "summary": [{"type": "summary_text", "text": "Look."}],
    "content": None,
    "encrypted_content": "gAAA",
}
CALL = {"type": "function_call", "name": "shell", "arguments": '{"command":["ls"]}', "call_id": "call_boats"}
OUTPUT = {"type": "function_call_output", "call_id": "call_boats", "output": "a b"}
SAID = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Two boats."}]}
SPENT = {"input_tokens": 10, "cached_input_tokens": 4, "output_tokens": 5, "reasoning_output_tokens": 2}


def line(type: str, payload: Any) -> str:
    return json.dumps({"timestamp": "2026-02-03T08:00:02.000Z", "type": type, "payload": payload}) + "\n"


LOG = (
    line("session_meta", {"id": "s-7", "cwd": "/srv/boats"})
    + line("turn_context", {"model": "gpt-5-codex"})
    + "".join(line("response_item", item) for item in (USER, REASONING, CALL))
    + line("event_msg", {"type": "token_count", "info": {"last_token_usage": SPENT}})
    + "".join(line("response_item", item) for item in (OUTPUT, SAID))
    + line("event_msg", {"type": "token_count", "info": {"last_token_usage": SPENT}})
    + '{"timestamp": "cut'
)


def read(path: str = "x/rollout-2026-02-03T08-00-00-s7.jsonl") -> tuple[Recording, ...]:
    return formats.read(LOG.encode(), "a", path)


def test_each_answer_of_the_model_is_a_turn_that_is_legal() -> None:
    first, second = read()
    assert [type_ for type_, _ in first.types() if type_.endswith("item.done")] == [
        "response.output_item.done"
    ] * 2
    for turn in (first, second):
        assert check([timed.event for timed in turn.events]) == []
    assert first.header.request == {"model": "gpt-5-codex", "input": [USER], "stream": True}
    assert second.header.request["input"] == [USER, REASONING, CALL, OUTPUT]


def test_an_item_has_all_that_the_log_tells_and_an_id() -> None:
    final = read()[0].events[-1].event.data["response"]
    reasoning, call = final["output"]
    assert call == {**CALL, "id": call["id"], "status": "completed"}
    assert reasoning["encrypted_content"] == "gAAA"
    assert (final["usage"]["input_tokens"], final["usage"]["output_tokens"]) == (10, 5)
    assert [turn.events[0].event.text for turn in read()] == [turn.events[0].event.text for turn in read()]


@pytest.mark.parametrize("path", ["a.jsonl", "log.jsonl", "rollout.txt"])
def test_a_log_of_another_name_is_refused_by_its_real_name(path: str) -> None:
    with pytest.raises(NotARecording, match="a session log of Codex"):
        read(path)


def test_a_script_is_made_of_a_log_that_is_named(tmp_path: Path) -> None:
    log, out = tmp_path / "a.jsonl", tmp_path / "a.script.yaml"
    log.write_text(LOG)
    done = CliRunner().invoke(command, [str(log), str(out)])
    assert (done.exit_code, done.stderr) == (0, "")
    turns = script.read(out.read_bytes(), "a", str(out))
    assert [
        [item["type"] for item in turn.events[-1].event.data["response"]["output"]] for turn in turns
    ] == [
        ["reasoning", "function_call"],
        ["message"],
    ]
