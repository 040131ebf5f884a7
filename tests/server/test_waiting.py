from typing import Any

import pytest

from respool.server.journal import ENDED, Exchange, Journal
from respool.server.request_filter import RequestFilter
from respool.server.waiting import Waiter


@pytest.fixture
def reached() -> list[int]:
    return []


def waiter_of(journal: Journal, count: int, reached: list[int], **conditions: Any) -> Waiter:
    return Waiter(journal, RequestFilter(**conditions), count, lambda: reached.append(1))


def test_requests_that_are_there_count(reached: list[int]) -> None:
    journal = Journal()
    journal.add(Exchange("GET", "/v1/models", 1.0))
    waiter = waiter_of(journal, 1, reached)
    with waiter.watching():
        waiter.look()
    assert reached
    assert [request.number for request in waiter.found] == [1]


def test_those_that_come_count_once_each_whatever_happens_to_them(reached: list[int]) -> None:
    journal = Journal()
    waiter = waiter_of(journal, 2, reached, path="/a")
    with waiter.watching():
        waiter.look()
        first = Exchange("GET", "/a", 1.0)
        journal.add(first)
        journal.notify(ENDED, first)
        journal.add(Exchange("GET", "/b", 1.0))
        assert not reached
        journal.add(Exchange("GET", "/a", 1.0))
    assert reached
    assert [request.number for request in waiter.found] == [1, 3]


def test_one_counts_when_it_comes_to_meet_the_conditions_and_no_longer_than_it_does(
    reached: list[int],
) -> None:
    journal = Journal()
    waiter = waiter_of(journal, 2, reached, pending=True)
    with waiter.watching():
        exchange = Exchange("GET", "/a", 1.0)
        journal.add(exchange)
        exchange.seconds = 1.0
        journal.notify(ENDED, exchange)
        journal.add(Exchange("GET", "/a", 1.0))
    assert not reached
    assert [request.number for request in waiter.found] == [2]


def test_nothing_is_watched_after_the_block(reached: list[int]) -> None:
    journal = Journal()
    with waiter_of(journal, 1, reached).watching():
        pass
    journal.add(Exchange("GET", "/a", 1.0))
    assert not reached
    assert not journal.watchers
