import json
from pathlib import Path
from typing import Any

import pytest

from respool.check.checker import check
from respool.check.findings import Level
from respool.errors import OptionError
from respool.play.pace import Pace
from respool.play.rendition import Rendition, Renditions
from respool.protocol import profiles
from respool.protocol.event_types import EVENT_TYPES
from respool.protocol.events import TERMINAL_TYPES, Event
from respool.protocol.profiles import OPENAI, PROFILES, spoken
from respool.recordings.recording import Recording
from respool.recordings.store import Store

FIXTURES = Path(__file__).parents[2] / "fixtures"
STORE = Store([FIXTURES])
STREAMS = [turn for name in STORE.names for turn in STORE.turns(name) if not turn.plain]
SCRIPTS = [turn for turn in STREAMS if turn.scripted]
RECORDINGS = [turn for turn in STREAMS if not turn.scripted]

# Fields that Open Responses asks of every Response: the specification's ResponseResource.
REQUIRED = (
    "id object created_at completed_at status incomplete_details model previous_response_id instructions "
    "output error tools tool_choice truncation parallel_tool_calls text top_p presence_penalty "
    "frequency_penalty top_logprobs temperature reasoning usage max_output_tokens max_tool_calls store "
    "background service_tier metadata safety_identifier prompt_cache_key"
).split()

scripts = pytest.mark.parametrize("script", SCRIPTS, ids=lambda turn: turn.name)
others = pytest.mark.parametrize("name", [name for name in PROFILES if name != OPENAI.name])


def rendition(recording: Recording, name: str = OPENAI.name) -> Rendition:
    return Renditions(Pace(), profiles.find(name)).get(recording)


def script(name: str) -> Recording:
    return STORE.turns(f"scripts/{name}")[0]


def test_a_profile_that_is_not_there_is_answered_by_those_that_are() -> None:
    with pytest.raises(
        OptionError, match=r"^profile is x, expected one of openai, openresponses, azure, openrouter, xai$"
    ):
        profiles.find("x")


def test_names_are_those_of_known_event_types() -> None:
    for profile in PROFILES.values():
        assert {*profile.names, *profile.names.values()} <= EVENT_TYPES.keys()


@others
@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda turn: turn.name)
def test_a_recording_stays_as_it_is(recording: Recording, name: str) -> None:
    assert rendition(recording, name).sse.schedule == rendition(recording).sse.schedule


@scripts
def test_a_script_at_openai_stays_as_it_was_written(script: Recording) -> None:
    assert rendition(script).events == tuple(timed.event for timed in script.events)


@others
@scripts
def test_a_script_is_legal_however_it_is_spoken(script: Recording, name: str) -> None:
    def codes(events: Any) -> list[str]:
        # That raw reasoning is named as Open Responses names it is no more than an info.
        return [finding.code for finding in check(events) if finding.level is not Level.INFO]

    assert codes(rendition(script, name).events) == codes(rendition(script).events)


@scripts
def test_what_no_profile_changes_keeps_its_text(script: Recording) -> None:
    events = rendition(script).events
    for old, new in zip(events, spoken(events, PROFILES["xai"]), strict=True):
        if old.data == new.data:
            assert old == new


@scripts
def test_open_responses_has_all_fields_of_a_response_and_a_status_on_each_item(script: Recording) -> None:
    for event in rendition(script, "openresponses").events:
        response, item = event.data.get("response"), event.data.get("item")
        items = [item] if item else []
        if response:
            assert [name for name in REQUIRED if name not in response] == []
            items += response["output"]
        assert [item["type"] for item in items if "status" not in item] == []


def test_open_responses_names_raw_reasoning_otherwise() -> None:
    recording = script("raw_reasoning")
    old = [event.type for event in rendition(recording).events]
    new = [event.type for event in rendition(recording, "openresponses").events]
    assert "response.reasoning_text.delta" in old
    assert new == [type_.replace("reasoning_text", "reasoning") for type_ in old]
    for event in rendition(recording, "openresponses").events:
        assert event.data["type"] == event.type


def test_open_responses_follows_an_error_with_response_failed() -> None:
    recording = script("error_event")
    assert rendition(recording).events[-1].type == "error"
    error, failed = rendition(recording, "openresponses").events[-2:]
    assert (error.type, failed.type) == ("error", "response.failed")
    response = failed.data["response"]
    assert (response["status"], response["error"]["message"]) == ("failed", error.data["error"]["message"])


@scripts
@pytest.mark.parametrize(("name", "done"), [("openresponses", True), ("openrouter", True), ("xai", False)])
def test_the_end_is_marked_where_the_producer_marks_it(script: Recording, name: str, done: bool) -> None:
    data = rendition(script, name).sse.schedule.encoded.data
    assert data.endswith(b"\n\ndata: [DONE]\n\n") == done


@scripts
def test_openrouter_has_no_event_lines(script: Recording) -> None:
    made = rendition(script, "openrouter")
    lines = made.sse.schedule.encoded.data.decode().split("\n\n")
    assert lines == [*(f"data: {event.text}" for event in made.events), "data: [DONE]", ""]


def test_xai_pads_nothing_and_gives_reasoning_a_status() -> None:
    padded = next(turn for turn in SCRIPTS if turn.scripted and turn.scripted.turn.obfuscation)
    assert "obfuscation" in "".join(event.text for event in rendition(padded).events)
    assert "obfuscation" not in "".join(event.text for event in rendition(padded, "xai").events)
    items = [
        event.data["item"] for event in rendition(script("reasoning"), "xai").events if "item" in event.data
    ]
    sent = [(item["type"], item["status"]) for item in items if item["type"] == "reasoning"]
    assert sent == 2 * [("reasoning", "in_progress"), ("reasoning", "completed")]


def test_a_status_that_a_script_gives_stays() -> None:
    item = {"id": "rs_1", "type": "reasoning", "status": "incomplete", "summary": []}
    event = Event.parse(json.dumps({"type": "response.output_item.done", "item": item}))
    [sent] = spoken([event], PROFILES["openresponses"])
    assert sent.data["item"] == item


ERROR = {"message": "No.", "type": "invalid_request_error", "param": "x", "code": "y"}


@pytest.mark.parametrize(
    ("name", "status", "body"),
    [
        ("openai", 400, {"error": ERROR}),
        ("xai", 401, {"error": ERROR}),
        ("azure", 400, {"error": ERROR}),
        ("azure", 401, {"error": {"code": "401", "message": profiles._AZURE_ACCESS_DENIED}}),
        ("openresponses", 400, {"error": {**ERROR, "type": "invalid_request"}}),
        ("openresponses", 401, {"error": {**ERROR, "type": "invalid_request"}}),
        ("openresponses", 404, {"error": {**ERROR, "type": "not_found"}}),
        ("openresponses", 429, {"error": {**ERROR, "type": "too_many_requests"}}),
        ("openresponses", 503, {"error": {**ERROR, "type": "server_error"}}),
        ("openrouter", 400, {"error": {"code": "invalid_prompt", "message": "No."}, "metadata": None}),
        ("openrouter", 404, {"error": {"code": 404, "message": "No."}, "metadata": None}),
        ("openrouter", 429, {"error": {"code": "rate_limit_exceeded", "message": "No."}, "metadata": None}),
        ("openrouter", 502, {"error": {"code": "server_error", "message": "No."}, "metadata": None}),
    ],
)
def test_errors_have_the_shape_of_the_producer(name: str, status: int, body: Any) -> None:
    assert PROFILES[name].error_body(status, ERROR) == body


def test_every_stream_ends_as_before_but_for_errors() -> None:
    for turn in SCRIPTS:
        last = rendition(turn).events[-1].type
        for name in PROFILES:
            sent = rendition(turn, name).events[-1].type
            assert sent == last or (last == "error" and sent in TERMINAL_TYPES), (turn.name, name)
