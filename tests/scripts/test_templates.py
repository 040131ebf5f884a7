"""Scripts that take values from the request."""

import math
from pathlib import Path
from typing import Any

import pytest

from respool import Pace, running_server
from respool.check.checker import check
from respool.errors import RecordingError
from respool.recordings.formats import script
from respool.scripts import ScriptError, Turn, read
from respool.scripts.synth import expand
from respool.scripts.templates import fill

CALL = {"type": "function_call", "call_id": "c1", "name": "get_weather", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": '{"degrees": 18, "sky": "clear"}'}
BODY: dict[str, Any] = {
    "model": "gpt-5.2",
    "input": [{"role": "user", "content": 'Say "hi"'}, CALL, OUTPUT],
    "metadata": {"user": "Ada", "n": "3"},
    "temperature": 0.5,
}


def filled(data: dict[str, Any], body: dict[str, Any] = BODY) -> Turn:
    return fill(read({"template": True, **data}), body).turns[0]


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("${input.text}", 'Say "hi"'),
        ("<${ metadata.user }>", "<Ada>"),
        ("${model} at ${temperature}", "gpt-5.2 at 0.5"),
        ("${tool_outputs.get_weather.degrees}", "18"),
        ("${tool_outputs[0].sky} ${tool_outputs[-1].sky}", "clear clear"),
        ("${tool_outputs[0]}", '{"degrees":18,"sky":"clear"}'),
        ("${tool_outputs.other}", ""),
        ("${metadata.none || 'nobody'}", "nobody"),
        ("${input.items[0].role}", "user"),
        ("${length(input.items)}", "3"),
        ("${metadata.{name: user}}", '{"name":"Ada"}'),
        ("${body.metadata.n}", "3"),
        ("$${input.text} $5 {a}", "${input.text} $5 {a}"),
    ],
)
def test_a_text_has_the_values_of_the_request(template: str, text: str) -> None:
    assert filled({"text": template}).steps[0].value["text"] == text


def test_arguments_stay_json_and_take_values_of_any_type() -> None:
    arguments = {"q": "${input.text}!", "all": "${tool_outputs[0]}", "n": 1, "none": "${metadata.x}"}
    turn = filled({"output": [{"function_call": {"name": "f_${metadata.n}", "arguments": arguments}}]})
    assert turn.steps[0].value == {
        "name": "f_3",
        "arguments": '{"q":"Say \\"hi\\"!","all":{"degrees":18,"sky":"clear"},"n":1,"none":null}',
    }


def test_literal_items_and_ends_are_filled_in() -> None:
    item = {"type": "x", "n": "${tool_outputs[0].degrees}"}
    turn = filled({"output": [{"item": item}], "end": {"failed": {"message": "No, ${metadata.user}"}}})
    assert turn.steps[0].value == {"type": "x", "n": 18}
    assert turn.end.failed == {"message": "No, Ada"}


def test_a_script_that_does_not_say_so_is_no_template() -> None:
    assert fill(read({"text": "${input.text}"}), BODY) == read({"text": "${input.text}"})


def test_a_filled_script_is_legal() -> None:
    data = {
        "template": True,
        "request": BODY,
        "output": [{"reasoning": "${input.text}"}, {"message": "${model}"}],
    }
    assert check(written.event for written in expand(read(data), "a")[0].events) == []


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("${input.}", "is no expression of JMESPath"),
        ("${input.text", "expected } after ${"),
        ("${length(metadata.x)}", "is no expression of JMESPath"),
        ("${nothing(input)}", "Unknown function"),
        ("${__class__.__init__}", None),
    ],
)
def test_a_wrong_expression_is_refused(expression: str, problem: str | None) -> None:
    if problem is None:  # nothing of Python can be reached
        assert filled({"text": expression}).steps[0].value["text"] == ""
        return
    with pytest.raises(ScriptError) as caught:
        filled({"text": expression})
    assert problem in caught.value.cause


def test_what_templates_become_is_bounded() -> None:
    with pytest.raises(ScriptError, match="more than 1000000 characters"):
        filled({"text": "${input.text}" * 20}, {"input": "x" * 60_000})


def test_a_wrong_expression_in_a_file_has_its_place() -> None:
    text = "template: true\noutput:\n  - message: Hi\n  - message: ${input.}\n"
    with pytest.raises(RecordingError, match=r"a\.script\.yaml:4:\d+: \$\{input\.\} is no expression"):
        script.read(text.encode(), "a", "a.script.yaml")


def test_a_server_fills_in_what_each_request_has(tmp_path: Path) -> None:
    import httpx2

    (tmp_path / "a.script.yaml").write_text("template: true\ntext: ${input.text} ${sum(body.n || `[]`)}\n")
    with running_server(tmp_path, pace=Pace(speed=math.inf)) as server:
        url = f"{server.base_url}/responses"
        for words in ("one", "two"):
            answer = httpx2.post(url, json={"model": "m", "input": words}).json()
            assert answer["output"][0]["content"][0]["text"] == f"{words} 0"


def test_what_cannot_be_applied_to_a_request_is_told_with_its_place(tmp_path: Path) -> None:
    import httpx2

    path = tmp_path / "a.script.yaml"
    path.write_text("template: true\ntext: ${sum(body.n || `[]`)}\n")
    with running_server(tmp_path) as server:
        body = {"model": "m", "input": "a", "n": ["b"]}
        answer = httpx2.post(f"{server.base_url}/responses", json=body)
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "template_error"
    assert "a.script.yaml:2:7: ${sum(" in answer.json()["error"]["message"]
