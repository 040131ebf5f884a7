import json
from pathlib import Path
from typing import Any

import pytest

from respool.cli import main

FIXTURES = Path(__file__).parents[2] / "fixtures"


def explain(body: Any, tmp_path: Path, *options: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """The exit code, and what was printed."""
    file = tmp_path / "request.json"
    file.write_text(body if isinstance(body, str) else json.dumps(body))
    with pytest.raises(SystemExit) as ended:
        main(["explain-request", str(file), *options])
    printed = capsys.readouterr()
    return int(ended.value.code or 0), printed.out + printed.err


def recorded(name: str) -> Any:
    with open(FIXTURES / f"{name}.jsonl") as file:
        return json.loads(file.readline())["request"]


@pytest.mark.parametrize(
    ("more", "options", "expected"),
    [
        ({}, (), "text/hello answers, by exact: text/hello, since its recorded request is equal"),
        ({"model": "text/refusal"}, (), "text/refusal answers, by model"),
        ({"input": "?"}, ("--default", "text/refusal"), "text/refusal answers, by default"),
        ({"input": "?"}, ("--on-miss", "improvise"), "an improvised answer answers, by improvised"),
    ],
)
def test_what_answers_is_told(
    more: Any, options: Any, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = {**recorded("text/hello"), **more}
    assert explain(body, tmp_path, str(FIXTURES), *options, capsys=capsys) == (0, f"{expected}\n")


def test_where_nothing_answers_the_nearest_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = {**recorded("text/hello"), "model": "other"}
    code, output = explain(body, tmp_path, str(FIXTURES), capsys=capsys)
    assert code == 1
    first, near, hint, *_ = output.splitlines()
    assert first.startswith('nothing answers: No recording matches: no recording is named "other"')
    assert near.startswith("near: text/hello (distance 0.")
    assert '/model is "other", recorded "gpt-4' in near
    assert hint == "  to have it match: in match.yaml, exclude: [/model]"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("{", "not JSON"), ("[]", "expected a JSON object"), ('{"stream": true}', "Missing required parameter")],
)
def test_what_is_no_request_is_refused(
    text: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, printed = explain(text, tmp_path, str(FIXTURES), capsys=capsys)
    assert code == (1 if "Missing" in expected else 2)
    assert expected in printed


def test_a_file_that_is_not_there_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["explain-request", str(tmp_path / "nope"), str(FIXTURES)])
    assert ended.value.code == 2
    assert "no such file" in capsys.readouterr().err
