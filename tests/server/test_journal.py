import random
import re

import pytest

from respool.server.journal import Exchange, Journal


@pytest.mark.parametrize(
    ("exchange", "line"),
    [
        (Exchange("GET", "/v1/models", 0.0), "GET /v1/models - under way"),
        (Exchange("GET", "/v1/models", 5.0, status=200, seconds=0.0), "GET /v1/models 200 0.000s"),
        (
            Exchange("POST", "/r/a/v1/responses", 0.0, "", "text/a", 200, 12, "", 1.23456),
            "POST /r/a/v1/responses 200 text/a 12 events 1.235s",
        ),
        (
            Exchange("POST", "/v1/responses", 0.0, "", "a", None, 0, "client left", 2.0),
            "POST /v1/responses - a 2.000s (client left)",
        ),
        (
            Exchange(
                "POST", "/v1/responses", 0.0, "", "a", 200, 5, "cut by the server", 2.0, ("abort", "bom")
            ),
            "POST /v1/responses 200 a 5 events 2.000s [abort; bom] (cut by the server)",
        ),
    ],
)
def test_an_exchange_is_one_line(exchange: Exchange, line: str) -> None:
    assert str(exchange) == line


def test_each_exchange_has_an_id_of_its_own_in_the_form_of_the_service() -> None:
    ids = {Exchange("GET", "/", 0.0).request_id for _ in range(100)}
    assert len(ids) == 100
    assert all(re.fullmatch("req_[0-9a-f]{32}", id_) for id_ in ids)


def test_an_id_that_was_given_is_kept() -> None:
    assert Exchange("GET", "/", 0.0, "req_1").request_id == "req_1"


def test_the_journal_holds_the_last_exchanges_oldest_first() -> None:
    journal = Journal(limit=3)
    for number in range(5):
        journal.add(Exchange("GET", f"/{number}", 0.0))
    assert [exchange.path for exchange in journal] == ["/2", "/3", "/4"]
    assert len(journal) == 3


def test_an_exchange_may_be_added_while_the_journal_is_read() -> None:
    journal = Journal()
    journal.add(Exchange("GET", "/0", 0.0))
    for exchange in journal:
        journal.add(exchange)
    assert len(journal) == 2


def test_a_cleared_journal_is_empty() -> None:
    journal = Journal()
    journal.add(Exchange("GET", "/", 0.0))
    journal.clear()
    assert list(journal) == []


def test_request_ids_are_all_different_and_leave_the_random_numbers_of_a_test_as_they_were() -> None:
    before = random.getstate()
    ids = {Exchange("POST", "/", 0.0).request_id for _ in range(100)}
    assert len(ids) == 100
    assert all(re.fullmatch("req_[0-9a-f]{32}", id_) for id_ in ids)
    assert random.getstate() == before


def test_exchanges_are_numbered_in_the_order_of_arrival() -> None:
    journal = Journal(limit=2)
    for _ in range(3):
        journal.add(Exchange("GET", "/", 0.0, "req_1"))
    assert [exchange.number for exchange in journal] == [2, 3]
