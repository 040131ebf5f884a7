from collections.abc import Callable

import pytest

from respool.play.pace import Pace
from respool.play.playback import Playback
from respool.play.rendition import Renditions
from respool.recordings.recording import Recording
from respool.server.history import MOST_OF_ONE_ID, Budget, History


@pytest.fixture
def playback(recording: Callable[..., Recording]) -> Callable[..., Playback]:
    return lambda size=0: Playback(recording(), Renditions(Pace()), 0.0, size=size)


def ids_of(history: History, *ids: str) -> list[str]:
    return [one for one in ids if history.get(one)]


def test_a_playback_is_found_by_its_id_until_it_is_removed(playback: Callable[..., Playback]) -> None:
    history = History()
    played = playback()
    history.add("a", played)
    assert history.get("a") is played
    assert history.get("b") is None
    history.remove("a")
    history.remove("never there")
    assert (history.get("a"), len(history)) == (None, 0)


def test_of_two_playbacks_with_one_id_both_are_kept_and_the_later_comes_first(
    playback: Callable[..., Playback],
) -> None:
    history = History()
    first, second = playback(), playback()
    history.add("a", first)
    history.add("a", second)
    assert history.all("a") == [second, first]
    assert history.get("a") is second
    assert list(history) == [first, second]


def test_of_many_playbacks_with_one_id_those_of_the_background_are_kept_longest(
    recording: Callable[..., Recording],
) -> None:
    history = History()
    first, *others = (
        Playback(recording(), Renditions(Pace()), 0.0, background=number == 0)
        for number in range(MOST_OF_ONE_ID + 2)
    )
    for one in (first, *others):
        history.add("a", one)
    assert history.all("a") == [*reversed(others[2:]), first]


def test_one_of_several_playbacks_with_one_id_can_be_forgotten(recording: Callable[..., Recording]) -> None:
    history = History()
    first, second = (Playback(recording(), Renditions(Pace()), 0.0) for _ in range(2))
    for one in (first, second):
        history.add("resp_1", one)
    history.discard(first.with_obfuscation(False))
    history.discard(first)
    assert history.all("resp_1") == [second]


def test_histories_count_together_what_they_hold(playback: Callable[..., Playback]) -> None:
    budget = Budget(10_000)
    one, other = History(shared=budget), History(shared=budget)
    one.add("a", playback(size=4000))
    assert not budget.exceeded
    other.add("a", playback(size=5000))
    assert budget.exceeded
    one.clear()
    other.remove("a")
    assert budget.used == 0


def test_the_oldest_is_forgotten_when_there_are_too_many(playback: Callable[..., Playback]) -> None:
    history = History(most=2)
    for one in "abac":
        history.add(one, playback())
    assert ids_of(history, "a", "b", "c") == ["a", "c"]


def test_the_oldest_is_forgotten_when_the_requests_are_too_large(playback: Callable[..., Playback]) -> None:
    history = History(most_bytes=100)
    for one in "abc":
        history.add(one, playback(size=40))
    assert ids_of(history, "a", "b", "c") == ["b", "c"]
    history.remove("c")
    history.add("d", playback(size=60))
    assert ids_of(history, "b", "d") == ["b", "d"]
    history.add("e", playback(size=1000))
    assert ids_of(history, "b", "d", "e") == ["e"], "the latest is always kept"


def test_all_can_be_forgotten(playback: Callable[..., Playback]) -> None:
    history = History(most_bytes=100)
    history.add("a", playback(size=90))
    history.clear()
    history.add("b", playback(size=90))
    history.add("c", playback(size=5))
    assert ids_of(history, "a", "b", "c") == ["b", "c"]
