"""Profiles and keepalives over a socket, with the openai SDK."""

from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import OpenAI

from respool import Pace, running_server
from respool.testing import RunningServer

SCRIPT = "request: {model: m}\noutput: [{reasoning: {content: [Hm.]}}, {message: {text: Hello}}]\n"
QUICK = Pace(gap=0.05)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hello.script.yaml").write_text(SCRIPT)
    return tmp_path


def sdk(running: RunningServer) -> OpenAI:
    return OpenAI(base_url=running.base_url, api_key="any", max_retries=0)


def test_keepalive_events_come_in_mid_stream_and_a_resume_goes_on_after_them(folder: Path) -> None:
    with running_server(folder, pace=QUICK, keepalive=0.02) as running, sdk(running) as client:
        events: list[Any] = list(client.responses.create(model="m", input="hi", stream=True, background=True))
        types = [event.type for event in events]
        assert types[0] == "response.created"
        assert types[1:3] == ["keepalive", "keepalive"]
        assert types[-1] == "response.completed"
        assert [event.sequence_number for event in events] == list(range(len(events)))
        id_ = events[0].response.id
        rest: list[Any] = list(client.responses.retrieve(id_, stream=True, starting_after=2))
        assert [event.to_dict() for event in rest] == [event.to_dict() for event in events[3:]]
        # The helper folds them as if they were not there.
        with client.responses.stream(model="m", input="hi") as stream:
            assert stream.get_final_response().output_text == "Hello"


@pytest.mark.parametrize(
    ("profile", "comment"), [("openrouter", ": OPENROUTER PROCESSING"), ("xai", ": keepalive")]
)
def test_comments_are_on_the_wire_and_the_sdk_sees_none(folder: Path, profile: str, comment: str) -> None:
    with running_server(folder, pace=QUICK, keepalive=0.02, profile=profile) as running:
        with sdk(running) as client:
            events: list[Any] = list(client.responses.create(model="m", input="hi", stream=True))
        assert [event.sequence_number for event in events] == list(range(len(events)))
        url = f"{running.base_url}/responses"
        lines = httpx2.post(url, json={"model": "m", "stream": True}).text.split("\n\n")
        # The head leaves at once: there are comments before the first event, too.
        assert lines[:2] == [comment, comment]
        assert lines.count(comment) >= 2 * len(events)
        assert {exchange.events for exchange in running.server.journal.ended} == {len(events)}


def test_open_responses_is_read_by_the_sdk_up_to_done(folder: Path) -> None:
    with running_server(folder, pace=Pace(speed=100.0), profile="openresponses") as running:
        with sdk(running) as client:
            events: list[Any] = list(client.responses.create(model="m", input="hi", stream=True))
        assert "response.reasoning.delta" in [event.type for event in events]
        assert [item.status for item in events[-1].response.output] == ["completed", "completed"]
        body = httpx2.post(f"{running.base_url}/responses", json={"model": "m", "stream": True}).text
        assert body.endswith("\n\ndata: [DONE]\n\n")
        assert body.count("event: ") == len(events)
