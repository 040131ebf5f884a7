from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from respool.errors import EditError, RequestError
from respool.play.clock import ManualClock
from respool.play.pace import Pace
from respool.play.playback import Playback
from respool.play.rendition import Renditions
from respool.play.session_clock import SessionClock
from respool.recordings.hold_points import HoldPoint, parse
from respool.recordings.recording import Header, Recording
from respool.server import control
from respool.server.deliveries import Deliveries, server_in
from respool.server.delivery import Delivery
from respool.server.journal import Exchange
from respool.server.session_holds import SessionHold, SessionHolds, hold


class Sender:
    """One that has sent all that is due."""

    def __init__(self, delivery: Delivery) -> None:
        self.delivery = delivery

    def events_sent(self) -> int:
        playback = self.delivery.playback
        return playback.playing.sse.events_in(playback.due(self.delivery.clock.now()))

    def idle(self, now: float) -> bool:
        return True


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def deliveries(clock: ManualClock) -> Deliveries:
    return Deliveries(clock)


@pytest.fixture
def delivery(clock: ManualClock, deliveries: Deliveries, recording: Callable[..., Recording]) -> Delivery:
    events = [(1.0, "response.x", {"sequence_number": number}) for number in range(4)]
    playback = Playback(recording("a", events), Renditions(Pace()), 0.0)
    exchange = Exchange("POST", "/v1/responses", 0.0, session="s")
    return Delivery(playback, SessionClock(clock), exchange, known_in=deliveries)


def begin(delivery: Delivery, points: str = "") -> None:
    hold(delivery, parse(points), SessionHolds())
    delivery.begin(Sender(delivery))


async def test_one_that_nobody_releases_in_time_is_cut(
    delivery: Delivery, deliveries: Deliveries, clock: ManualClock, settle: Callable[[], Any]
) -> None:
    begin(delivery, "before=start, ttl=30")
    delivery.wait_for_release()
    assert (delivery.state, delivery.id, deliveries.of("s")) == ("held", "pb_1", [delivery])
    clock.advance(30)
    await settle()
    assert delivery.playback.ending == "cut"
    assert delivery.ended_by == "hold expired: before=start, nobody released it in 30 s"


async def test_one_that_may_go_on_does_when_its_time_is_over(
    delivery: Delivery, clock: ManualClock, settle: Callable[[], Any]
) -> None:
    begin(delivery, "before=start, ttl=30, on_expiry=continue")
    delivery.wait_for_release()
    clock.advance(30)
    await settle()
    assert delivery.playback.ending == "terminal"
    assert delivery.playback.schedule.end == 33.0


async def test_a_release_begins_its_time_anew_and_a_comment_does_not(
    delivery: Delivery, clock: ManualClock, settle: Callable[[], Any]
) -> None:
    begin(delivery, "before=start, ttl=30, keepalive=20")
    for seconds, released in ((20, True), (20, False), (9, False)):
        delivery.wait_for_release()
        clock.advance(seconds)
        await settle()
        assert delivery.playback.ending == "terminal"
        if released:
            control.release(delivery, 1)
        delivery.go_on()
    delivery.wait_for_release()
    clock.advance(1)
    await settle()
    assert delivery.playback.ending == "cut"


async def test_one_that_has_ended_is_known_and_cannot_be_changed(
    delivery: Delivery, deliveries: Deliveries
) -> None:
    begin(delivery)
    assert deliveries.get("pb_1") is delivery
    delivery.complete()
    assert (len(deliveries), delivery.state) == (0, "done")
    assert [id_ for id_, _, _ in deliveries.ended] == ["pb_1"]
    with pytest.raises(RequestError, match=r"The playback pb_1 has ended\."):
        deliveries.get("pb_1")
    with pytest.raises(RequestError, match=r"There is no playback pb_2\."):
        deliveries.get("pb_2")
    with pytest.raises(EditError, match="pb_1 has ended"):
        control.finish(delivery)


def test_a_session_hold_is_for_the_nth_and_so_many_streams() -> None:
    holds = SessionHolds()
    point = HoldPoint.read("1")
    holds.put(SessionHold("second", point, "a/*", nth=2))
    holds.put(SessionHold("once", point, times=1))
    taken = [[one.id for one in holds.take(name)] for name in ("a/b", "a/b#2", "a/b", "c")]
    assert taken == [["once"], ["second"], [], []]
    assert holds.new_id() == "h1"


def test_what_a_session_holds_and_a_recording_lacks_is_not_held(delivery: Delivery) -> None:
    holds = SessionHolds()
    holds.put(SessionHold("h1", HoldPoint.read("response.none")))
    hold(delivery, (), holds)
    assert delivery.playback.run.edits == []
    with pytest.raises(RequestError, match="it has no such event"):
        hold(delivery, parse("after=response.none"), SessionHolds())


def test_a_session_hold_may_be_for_what_a_stub_has_chosen() -> None:
    holds = SessionHolds()
    holds.put(SessionHold("h1", HoldPoint.read("1"), stub="weather*"))
    taken = [len(holds.take("a", stub)) for stub in ("weather 1", "", "other")]
    assert taken == [1, 0, 0]


def test_what_a_recording_says_itself_is_held_and_what_a_stub_says_where_it_can(
    delivery: Delivery,
) -> None:
    playback = delivery.playback
    playback.recording = replace(playback.recording, header=Header({"hold": "after=2"}))
    hold(delivery, (), SessionHolds(), parse("after=3; after=response.none"))
    assert [str(point) for point in delivery.points] == ["after=2", "after=3"]
    assert playback.edited
    assert playback.edited.holds == (2, 3)
    playback.recording = replace(playback.recording, header=Header({"hold": "after=response.none"}))
    with pytest.raises(RequestError, match="it has no such event"):
        hold(delivery, (), SessionHolds())


async def test_a_socket_that_is_held_is_kept_alive_by_pings(
    delivery: Delivery, clock: ManualClock, settle: Callable[[], Any]
) -> None:
    pings: list[float] = []
    delivery.ping = lambda: pings.append(clock.now())
    begin(delivery, "after=1, keepalive=10, ttl=25")
    clock.advance(1.0)
    delivery.wait_for_release()
    for _ in range(3):
        clock.advance(10.0)
        await settle()
    assert pings == [11.0, 21.0]
    assert len(delivery.playback.events) == 1  # cut after that; no comment was put in
    assert delivery.playback.playing.sse.comments == ()


@pytest.mark.parametrize(("id_", "name"), [("pb_1", ""), ("pb_0a1b2c_17", "0a1b2c"), ("x", ""), ("", "")])
def test_an_id_says_which_of_several_servers_sends_it(id_: str, name: str) -> None:
    assert server_in(id_) == name


def test_ids_of_servers_that_share_a_state_differ() -> None:
    assert Deliveries(ManualClock(), node="0a1b2c3d").name_of(17) == "pb_0a1b2c_17"
