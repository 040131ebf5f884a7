import math
from collections.abc import Callable

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from respool.http import create_app
from respool.http.metrics import outcome_of
from respool.play.pace import Pace
from respool.server.journal import CLIENT_LEFT, CUT, ENDED, Exchange
from respool.server.mock_server import MockServer


def values(text: str) -> dict[str, float]:
    return {
        sample.name + "".join(f" {value}" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_what_has_happened_is_counted(server: Callable[..., MockServer]) -> None:
    serving = server(pace=Pace(speed=math.inf))
    with TestClient(create_app(serving, metrics=True)) as client:
        client.post("/v1/responses", json={"model": "a", "stream": True})
        client.post("/v1/responses", json={"model": "a", "stream": "yes"})
        client.post("/r/none/v1/responses", json={"model": "a"})
        answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    told = values(answer.text)
    assert told["respool_requests_total ok"] == 1
    assert told["respool_requests_total refused"] == 1
    assert told["respool_requests_total miss"] == told["respool_misses_total"] == 1
    assert told["respool_events_sent_total"] == 4
    assert told["respool_lateness_seconds_count"] == 1
    assert told["respool_streams_open"] == 0
    assert told["respool_ready"] == 1
    assert told["process_open_fds"] > 0
    assert len(serving.journal) == 3


def test_what_other_servers_have_got_is_counted_by_them(server: Callable[..., MockServer]) -> None:
    serving = server()
    with TestClient(create_app(serving, metrics=True)) as client:
        serving.journal.notify(ENDED, Exchange("POST", "/v1/responses", 0.0, status=200))
        assert "respool_requests_total ok" not in values(client.get("/metrics").text)


def test_without_being_asked_for_there_are_none(server: Callable[..., MockServer]) -> None:
    serving = server()
    assert TestClient(create_app(serving)).get("/metrics").status_code == 404
    assert not serving.journal.watchers


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"status": 200}, "ok"),
        ({"status": 404}, "refused"),
        ({"status": 404, "unmatched": True}, "miss"),
        ({"status": 503}, "error"),
        ({"status": 200, "faults": ("abort",)}, "fault"),
        ({"status": 200, "ended": CLIENT_LEFT}, "client_left"),
        ({"status": 200, "ended": CUT}, "cut"),
        ({"status": None}, "client_left"),
    ],
)
def test_a_request_has_one_outcome(fields: dict, outcome: str) -> None:
    exchange = Exchange("POST", "/v1/responses", 0.0)
    for name, value in fields.items():
        setattr(exchange, name, value)
    assert outcome_of(exchange) == outcome
