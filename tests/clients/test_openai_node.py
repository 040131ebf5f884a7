"""The openai SDK for Node. One process reads several recordings, since it is slow to start."""

import base64
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from respool.testing import RunningServer

TESTS = Path(__file__).parents[1]
STREAMS = [
    "text/hello",
    "text/refusal",
    "text/incomplete",
    "tools/get_weather",
    "reasoning/summary",
    "images/echidna",
]

EventsOf = Callable[[str], list[dict]]

pytestmark = pytest.mark.node


@pytest.fixture(scope="module")
def seen(running: RunningServer) -> dict[str, dict[str, Any]]:
    """What the SDK made of each recording, by name."""
    names = [*STREAMS, "errors/failed", "errors/rate_limit"]
    script = subprocess.run(
        ["node", TESTS / "node" / "streams.mjs", running.url, *names],
        check=True,
        stdout=subprocess.PIPE,
        timeout=60,
    )
    return {line["name"]: line for line in map(json.loads, script.stdout.decode().splitlines())}


def final_of(events: list[dict]) -> dict:
    return events[-1]["response"]


def text_of(response: dict) -> str:
    parts = [part for item in response["output"] for part in item.get("content", [])]
    return "".join(part["text"] for part in parts if part["type"] == "output_text")


@pytest.mark.parametrize("name", STREAMS)
def test_every_event_arrives_with_all_its_fields(
    name: str, seen: dict[str, dict], events_of: EventsOf
) -> None:
    assert seen[name]["error"] is None
    assert seen[name]["events"] == events_of(name)


@pytest.mark.parametrize("name", STREAMS)
def test_an_answer_without_a_stream_is_the_final_response(
    name: str, seen: dict[str, dict], events_of: EventsOf
) -> None:
    recorded = final_of(events_of(name))

    assert seen[name]["answer"] == {"value": {**recorded, "output_text": text_of(recorded)}}


@pytest.mark.parametrize("name", STREAMS)
def test_the_helper_ends_with_the_final_response(
    name: str, seen: dict[str, dict], events_of: EventsOf
) -> None:
    final, recorded = seen[name]["final"]["value"], final_of(events_of(name))

    assert (final["id"], final["status"]) == (recorded["id"], recorded["status"])
    assert final["output_text"] == text_of(recorded)
    assert final["incomplete_details"] == recorded["incomplete_details"]
    assert [(item["id"], item["type"]) for item in final["output"]] == [
        (item["id"], item["type"]) for item in recorded["output"]
    ]


def test_a_function_call_has_its_name_and_arguments(seen: dict[str, dict], events_of: EventsOf) -> None:
    (call,) = seen["tools/get_weather"]["final"]["value"]["output"]

    (recorded,) = final_of(events_of("tools/get_weather"))["output"]
    assert (call["name"], call["call_id"]) == (recorded["name"], recorded["call_id"])
    assert json.loads(call["arguments"]) == json.loads(recorded["arguments"])


def test_an_image_is_a_webp_file_in_base64(seen: dict[str, dict]) -> None:
    output = seen["images/echidna"]["final"]["value"]["output"]

    (result,) = [item["result"] for item in output if item["type"] == "image_generation_call"]
    image = base64.b64decode(result, validate=True)
    assert (image[:4], image[8:12]) == (b"RIFF", b"WEBP")


def test_a_failure_in_the_stream_is_raised(seen: dict[str, dict], events_of: EventsOf) -> None:
    *before, recorded, _ = events_of("errors/failed")
    assert recorded["type"] == "error"

    failed = seen["errors/failed"]

    assert failed["events"] == before
    assert failed["error"]["code"] == recorded["error"]["code"]
    assert failed["final"]["error"]["message"] == recorded["error"]["message"]
    assert failed["answer"]["value"]["status"] == "failed"


def test_a_rate_limit_is_raised_after_a_retry(seen: dict[str, dict]) -> None:
    limited = seen["errors/rate_limit"]

    assert limited["retryCounts"] == ["0", "1"]
    for error in (limited["error"], limited["final"]["error"], limited["answer"]["error"]):
        assert (error["class"], error["status"]) == ("RateLimitError", 429)
