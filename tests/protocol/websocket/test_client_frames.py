import json
from typing import Any

import pytest

from respool.protocol.websocket.client_frames import (
    Create,
    Ignored,
    Inject,
    Invalid,
    Steer,
    parse,
    size_of,
)


def parsed(**members: Any) -> Any:
    return parse(json.dumps(members), multi_agent=True)


def test_the_body_of_a_create_is_all_that_is_not_of_the_frame() -> None:
    frame = parsed(type="response.create", stream_id="a", generate=False, stream=False, model="m", zzz=[1])
    assert isinstance(frame, Create)
    assert frame.body == {"model": "m", "zzz": [1], "stream": True}
    assert (frame.stream_id, frame.generate, frame.error) == ("a", False, None)


@pytest.mark.parametrize("background", [False, None])
def test_a_create_may_say_that_it_is_not_in_the_background(background: bool | None) -> None:
    frame = parsed(type="response.create", background=background)
    assert isinstance(frame, Create)
    assert frame.error is None


@pytest.mark.parametrize(("name", "valid"), [("a", True), ("A.b_c-9" * 36, True), ("a\n", False), (1, False)])
def test_names_of_lanes(name: Any, valid: bool) -> None:
    assert isinstance(parsed(type="response.create", stream_id=name), Create if valid else Invalid)


@pytest.mark.parametrize("previous", ["", 7, None])
def test_a_previous_response_that_is_no_id_is_none(previous: Any) -> None:
    assert Create({"previous_response_id": previous}).previous_response_id is None


def test_a_steer_of_nothing_says_so() -> None:
    frame = parsed(type="response.steer", input="Hi")
    assert isinstance(frame, Steer)
    assert frame.problem == "'previous_response_id' must be a non-empty string"


@pytest.mark.parametrize(
    "given",
    [
        "Stop",
        [{"role": "user", "content": "Stop"}],
        [{"type": "message", "role": "user", "content": [{"type": "input_image"}, {"type": "input_file"}]}],
    ],
)
def test_a_steer_has_text_or_messages_of_the_user(given: Any) -> None:
    frame = parsed(type="response.steer", previous_response_id="r", input=given)
    assert frame == Steer("r", given)


def test_other_frames() -> None:
    assert parsed(type="response.processed", response_id="r") == Ignored()
    assert parsed(type="response.inject", response_id="r", input=[{}]) == Inject("r", [{}])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "Invalid frame: expected a JSON object, but this is an array."),
        ("", "Invalid frame: expected a JSON object, but it is not JSON: expecting value at character 0."),
        (
            '{"type":"x"}',
            "Unsupported event type: 'x'. Supported types are: 'response.create' and 'response.steer'.",
        ),
    ],
)
def test_what_is_no_frame_is_told_what_was_expected(text: str, message: str) -> None:
    frame = parse(text)
    assert isinstance(frame, Invalid)
    assert frame.error.message == message
    assert not frame.closes


@pytest.mark.parametrize(("text", "size"), [("abc", 3), ("é", 2), ("\ud800", 3)])
def test_sizes_are_in_bytes(text: str, size: int) -> None:
    assert size_of(text) == size
