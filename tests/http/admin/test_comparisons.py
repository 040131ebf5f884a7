import math
from collections.abc import Callable
from typing import Any

from starlette.testclient import TestClient

from respool.http import create_app
from respool.play.pace import Pace
from respool.recordings.recording import Recording
from respool.server.mock_server import MockServer

Make = Callable[..., Any]


def asked(server: Make, recording: Make, text: str = "What is the weather in Bern?") -> TestClient:
    """A client of a server that knows two recorded requests, and was asked something else."""
    near: Recording = recording("near", request={"model": "m", "input": "What is the weather in Oslo?"})
    far: Recording = recording("far", request={"model": "x", "input": [], "tools": []})
    serving: MockServer = server(near, far)
    client = TestClient(create_app(serving))
    client.post("/v1/responses", json={"model": "m", "input": text})
    return client


def test_a_request_is_compared_with_the_nearest_recording(server: Make, recording: Make) -> None:
    found = asked(server, recording).get("/__admin/requests/1/compare").json()
    assert (found["recording"], found["turn"], found["whole"]) == ("near", 1, True)
    (difference,) = found["differences"]
    assert difference["pointer"].endswith("/text")
    assert (difference["recorded"], difference["received"]) == (
        "What is the weather in Oslo?",
        "What is the weather in Bern?",
    )
    assert '"What is the weather in Bern?"' in found["received"]
    assert '"What is the weather in Oslo?"' in found["recorded"]
    assert found["hint"]


def test_a_request_is_compared_with_the_recording_that_is_named(server: Make, recording: Make) -> None:
    client = asked(server, recording)
    found = client.get("/__admin/requests/1/compare", params={"recording": "far"}).json()
    assert found["recording"] == "far"
    assert found["differences"]


def test_a_recording_without_its_request_cannot_be_compared(server: Make, recording: Make) -> None:
    client = TestClient(create_app(server(recording("plain"), pace=Pace(speed=math.inf))))
    client.post("/v1/responses", json={"model": "m", "input": "Hi"})
    for query in ({}, {"recording": "plain"}, {"recording": "none"}):
        answer = client.get("/__admin/requests/1/compare", params=query)
        assert answer.status_code == 404, query
        assert answer.json()["error"]["message"]


def test_a_request_without_a_body_cannot_be_compared(server: Make, recording: Make) -> None:
    client = asked(server, recording)
    client.get("/v1/models")
    assert client.get("/__admin/requests/2/compare").json()["error"]["code"] == "no_body"
    assert client.get("/__admin/requests/9/compare").status_code == 404
