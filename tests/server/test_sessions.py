from collections.abc import Callable
from typing import Any

import pytest

from respool.errors import OptionError, RequestError
from respool.faults import parse
from respool.play.clock import ManualClock
from respool.recordings.recording import Recording
from respool.server.mock_server import MockServer
from respool.server.request import Request

Serve = Callable[..., MockServer]
BODY = {"model": "a", "input": "Hi", "background": True}


def in_session(name: str, **more: Any) -> Request:
    return Request({**BODY, **more}, session=name)


def test_a_response_is_known_in_its_session_only(server: Serve) -> None:
    serving = server()
    played = serving.start(in_session("one"))
    assert serving.retrieve(played.id, session="one") is played
    for other in ("", "two"):
        with pytest.raises(RequestError) as raised:
            serving.retrieve(played.id, session=other)
        assert raised.value.status == 404


def test_a_cancel_reaches_the_playback_of_its_own_session(server: Serve) -> None:
    serving = server()
    one, other = serving.start(in_session("one")), serving.start(in_session("two"))
    serving.cancel(one.id, session="one")
    assert (one.status(0.0), other.status(0.0)) == ("cancelled", "queued")


def test_conversations_are_those_of_a_session(server: Serve) -> None:
    serving = server()
    made = serving.session("one").conversations.create(0)
    assert serving.session("one").conversations.get(made["id"]) == made
    with pytest.raises(RequestError):
        serving.session("two").conversations.get(made["id"])


def test_faults_are_counted_in_each_session(server: Serve, recording: Callable[..., Recording]) -> None:
    serving = server(faults=parse("abort(times=1)"))
    a = serving.store.turns("a")[0]
    counts = [len(serving.draw_faults(a, session=name)) for name in ("one", "one", "two", "", "two")]
    assert counts == [1, 0, 1, 1, 0]


def test_a_reset_forgets_what_was_played_and_counted_in_one_session(server: Serve) -> None:
    serving = server(faults=parse("abort(times=1)"))
    a = serving.store.turns("a")[0]
    played = [serving.start(in_session(name)) for name in ("one", "two")]
    for name in ("one", "two"):
        serving.draw_faults(a, session=name)
    serving.session("one").reset()
    with pytest.raises(RequestError):
        serving.retrieve(played[0].id, session="one")
    assert serving.retrieve(played[1].id, session="two")
    assert [len(serving.draw_faults(a, session=name)) for name in ("one", "two")] == [1, 0]


@pytest.mark.parametrize("name", ["a/b", "a\nb", "x" * 201, "\u202ea"])
def test_what_is_no_name_is_refused(server: Serve, name: str) -> None:
    with pytest.raises(RequestError) as raised:
        server().start(in_session(name))
    assert raised.value.code == "invalid_session"


def test_a_session_that_was_idle_for_long_is_forgotten_and_that_of_everybody_is_not(server: Serve) -> None:
    clock = ManualClock()
    serving = server(clock=clock, session_idle=10.0)
    old, kept, default_session = (serving.start(in_session(name)) for name in ("old", "kept", ""))
    clock.advance(6.0)
    serving.session("kept")
    clock.advance(6.0)
    serving.session("new")
    assert [session.name for session in serving.sessions] == ["", "kept", "new"]
    assert serving.retrieve(kept.id, session="kept") is kept
    assert serving.retrieve(default_session.id) is default_session
    with pytest.raises(RequestError):
        serving.retrieve(old.id, session="old")


def test_all_sessions_together_hold_a_bounded_number_of_bytes(server: Serve) -> None:
    serving = server()
    serving.sessions.budget.most = 50_000
    for number in range(10):
        request = Request(BODY, session=f"s{number}", size=20_000, text=b'{"input":"Hi"}')
        serving.start(request)
    assert serving.sessions.budget.used <= 50_000
    assert [session.name for session in serving.sessions] == ["", "s8", "s9"]


@pytest.mark.parametrize(("option", "value"), [("session_idle", 0), ("session_by", "cookie")])
def test_an_option_of_sessions_out_of_range_is_refused(server: Serve, option: str, value: Any) -> None:
    with pytest.raises(OptionError, match=option.replace("_", "-")):
        server(**{option: value})


def test_a_play_never_hides_an_earlier_one_that_can_still_be_asked_for(server: Serve) -> None:
    clock = ManualClock()
    serving = server(clock=clock)
    polled = serving.start(Request({**BODY, "stream": True}))
    clock.advance(1.0)
    serving.start(Request({"model": "a", "input": "Hi", "stream": True}))  # the same recorded id
    assert serving.retrieve(polled.id) is polled
    assert serving.stream(polled.id) is polled
    assert serving.cancel(polled.id) is polled
