"""Two sessions that play one recording with its recorded ids at once, with the openai SDK over a socket."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import BadRequestError, InternalServerError, NotFoundError, OpenAI

from respool import ManualClock, running_server
from respool.testing import RunningServer

FIXTURES = Path(__file__).parents[2] / "fixtures"
STREAM: dict[str, Any] = {"model": "get_weather", "input": "Hi", "background": True, "stream": True}
FAULT = "status(code=503, times=1)"
FIRST = 0.3  # seconds: some events have come, and the response has not ended


@pytest.fixture
def running() -> Iterator[RunningServer]:
    with running_server(FIXTURES / "tools", clock=ManualClock()) as running:
        yield running


def client(running: RunningServer, session: str) -> OpenAI:
    headers = {"x-respool-session": session}
    return OpenAI(base_url=running.base_url, api_key="any", max_retries=0, default_headers=headers)


def advance(running: RunningServer, seconds: float) -> None:
    clock = running.server.clock
    assert isinstance(clock, ManualClock)
    clock.advance(seconds)


def types(stream: Any) -> list[str]:
    return [event.type for event in stream]


def test_two_sessions_do_not_see_each_others_responses(running: RunningServer) -> None:
    one, two = client(running, "one"), client(running, "two")
    begun = one.responses.create(**STREAM)
    advance(running, FIRST)
    id_ = next(begun).response.id
    with pytest.raises(NotFoundError):
        two.responses.retrieve(id_)

    later = two.responses.create(**STREAM)
    advance(running, FIRST)
    assert next(later).response.id == id_, "both play the recorded id"

    assert one.responses.cancel(id_).status == "cancelled"
    assert two.responses.retrieve(id_).status == "in_progress"
    assert types(begun)[-1] == "response.failed"
    with pytest.raises(BadRequestError):
        two.responses.delete(id_)

    advance(running, 60)
    assert types(later)[-1] == "response.completed"
    assert two.responses.retrieve(id_).status == "completed"
    assert one.responses.retrieve(id_).status == "cancelled"

    resumed = types(two.responses.retrieve(id_, stream=True, starting_after=0))
    assert resumed[-1] == "response.completed"
    assert "response.completed" not in types(one.responses.retrieve(id_, stream=True, starting_after=0))

    two.responses.delete(id_)
    with pytest.raises(NotFoundError):
        two.responses.retrieve(id_)
    assert one.responses.retrieve(id_).status == "cancelled"


def test_each_session_counts_its_faults(running: RunningServer) -> None:
    for session in ("one", "two"):
        asking = client(running, session)
        answers = []
        for _ in range(3):
            try:
                asking.responses.create(
                    model="get_weather", input="Hi", background=True, extra_headers={"x-respool-fault": FAULT}
                )
                answers.append(200)
            except InternalServerError as error:
                answers.append(error.status_code)
        assert answers == [503, 200, 200], session
