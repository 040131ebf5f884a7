import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from respool.http import create_app
from respool.http.admin import timelines
from respool.recordings.recording import Recording
from respool.recordings.store import Store
from respool.server.mock_server import MockServer

FIXTURES = Path(__file__).parents[3] / "fixtures"

Admin = Callable[..., Any]


def client(*recordings: Recording, server: Callable[..., MockServer]) -> TestClient:
    return TestClient(create_app(server(*recordings)))


def test_a_timeline_says_what_happens_and_when(admin: Admin, recording: Callable[..., Recording]) -> None:
    events = [
        (1.0, "response.created", {"response": {"id": "resp_1"}}),
        (0.5, "response.output_item.added", {"output_index": 0, "item": {"type": "message"}}),
        (0.5, "response.output_text.delta", {"output_index": 0, "content_index": 0, "delta": "Hel"}),
        (0.0, "response.output_text.delta", {"output_index": 0, "content_index": 0, "delta": "lo"}),
        (2.0, "response.completed", {"response": {"id": "resp_1", "status": "completed"}}),
    ]
    asked = admin()
    asked.server.pace = type(asked.server.pace)()
    asked.server.store.add("timed", (recording("timed", events),))
    found = asked.get("/__admin/timelines/timed").json()
    assert found["end"] == "completed"
    assert found["seconds"] == 4.0
    assert found["first_token"] == 2.0
    assert found["longest_gap"] == 2.0
    assert found["bursts"] == 1
    assert found["text"] == "Hello"
    rows = [(row["label"], row["depth"], row["start"], row["end"]) for row in found["rows"]]
    assert rows == [("response", 0, 1.0, 4.0), ("message", 0, 1.5, 2.0), ("output_text", 1, 2.0, 2.0)]
    assert found["rows"][2]["buckets"] == {"120": 2}


@pytest.mark.parametrize("turn", Store([FIXTURES]).names)
def test_every_fixture_has_a_timeline_and_events(turn: str) -> None:
    store = Store([FIXTURES])
    asked = TestClient(create_app(MockServer(store)))
    for number, recording in enumerate(store.turns(turn), 1):
        found = asked.get(f"/__admin/timelines/{turn}%23{number}").json()
        assert found["events"] == len(recording.events)
        page = asked.get(
            f"/__admin/recorded-events/{turn}%23{number}", params={"limit": 1000, "most": 0}
        ).json()
        assert [one["text"] for one in page["events"]] == [timed.event.text for timed in recording.events]
        moments = [one["moment"] for one in page["events"]]
        assert moments == sorted(moments)


def test_events_come_in_pages(admin: Admin) -> None:
    asked = admin()
    first = asked.get("/__admin/recorded-events/a", params={"limit": 3}).json()
    second = asked.get("/__admin/recorded-events/a", params={"limit": 3, "offset": 3}).json()
    assert first["total"] == second["total"] == 4
    assert [one["place"] for one in first["events"] + second["events"]] == [0, 1, 2, 3]


def test_a_long_event_is_cut_until_all_of_it_is_asked_for(
    recording: Callable[..., Recording], server: Callable[..., MockServer]
) -> None:
    delta = {"delta": "x" * 100_000}
    asked = client(recording("long", [(0.0, "response.output_text.delta", delta)]), server=server)
    (cut,) = asked.get("/__admin/recorded-events/long").json()["events"]
    (whole,) = asked.get("/__admin/recorded-events/long", params={"most": 0}).json()["events"]
    assert len(cut["text"]) == timelines.SHORT < cut["size"] == len(whole["text"])
    assert json.loads(whole["text"])["delta"] == delta["delta"]
    assert len(cut["gist"]) < 300


def test_lone_surrogates_are_shown_and_break_nothing(
    recording: Callable[..., Recording], server: Callable[..., MockServer]
) -> None:
    asked = client(
        recording("odd", [(0.0, "response.output_text.delta", {"delta": "\ud83d"})]), server=server
    )
    assert asked.get("/__admin/timelines/odd").json()["text"] == "?"
    assert asked.get("/__admin/recorded-events/odd").status_code == 200


def test_an_answer_without_events_has_its_body(
    recording: Callable[..., Recording], server: Callable[..., MockServer]
) -> None:
    body = {"error": {"message": "Slow down."}}
    found = client(recording("limit", [], status=429, body=body), server=server).get(
        "/__admin/timelines/limit"
    )
    assert found.json()["body"] == body
    assert (found.json()["status"], found.json()["end"], found.json()["rows"]) == (429, "429", [])


@pytest.mark.parametrize("path", ["timelines/none", "recorded-events/none", "timelines/a%239"])
def test_what_is_not_there_is_404(path: str, admin: Admin) -> None:
    assert admin().get(f"/__admin/{path}").status_code == 404
