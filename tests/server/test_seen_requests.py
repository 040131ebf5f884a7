import json
from typing import Any

import pytest

from respool.server.journal import Exchange, Journal
from respool.server.seen_requests import SeenRequest, SeenRequests


def journal_of(*bodies: Any) -> Journal:
    journal = Journal()
    for body in bodies:
        exchange = Exchange("POST", "/v1/responses", 1.0, "req_1")
        journal.add(exchange)
        journal.keep_body(exchange, body if isinstance(body, bytes) else json.dumps(body).encode())
    return journal


LOOP = {
    "model": "gpt-5",
    "input": [
        {"role": "user", "content": "What is the weather?"},
        {"type": "function_call", "call_id": "call_1", "name": "get_weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "sunny"},
    ],
}


def test_a_request_shows_what_a_test_asks_for() -> None:
    request = SeenRequests.of(journal_of(LOOP)).last
    assert (request.number, request.request_id, request.model) == (1, "req_1", "gpt-5")
    assert request.input_text == "What is the weather?"
    [output] = request.tool_outputs
    assert (output.name, output.text, output.call_id) == ("get_weather", "sunny", "call_1")
    assert request.json == LOOP
    assert (request.pending, request.matched, request.unmatched) == (True, False, False)
    assert request.header("x-trace") is None


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"null", {"model": 3, "input": 4}])
def test_any_body_shows_something(body: Any) -> None:
    request = SeenRequests.of(journal_of(body)).last
    assert (request.model, request.input_text, request.tool_outputs) == (None, "", ())


def test_a_body_that_comes_later_is_seen() -> None:
    request = SeenRequest(Exchange("POST", "/v1/responses", 1.0))
    assert request.json is None
    request.exchange.body = b'{"model": "a"}'
    assert request.model == "a"
    assert request.json is request.json


def test_headers_are_found_by_any_spelling_and_secrets_are_masked() -> None:
    exchange = Exchange("GET", "/v1/models", 1.0, raw_headers=[(b"x-trace", b"7"), (b"api-key", b"sk-1")])
    assert SeenRequest(exchange).header("X-Trace") == "7"
    assert SeenRequest(exchange).header("api-key") == "[secret]"


def test_requests_are_a_sequence_as_it_was_when_it_was_asked_for() -> None:
    journal = journal_of({"model": "a"}, {"model": "b"}, {"model": "a"})
    requests = SeenRequests.of(journal)
    journal.add(Exchange("GET", "/v1/models", 1.0))
    assert len(requests) == 3
    assert [request.model for request in requests[1:]] == ["b", "a"]
    assert requests[0].model == "a"
    assert [request.number for request in requests.filter(model="a")] == [1, 3]


def test_a_request_that_is_not_there_says_which_are() -> None:
    with pytest.raises(IndexError, match="there is no request -1: the server has got none"):
        _ = SeenRequests([]).last
    with pytest.raises(IndexError, match="there is no request 1: these came:\n  1  POST /v1/responses -"):
        _ = SeenRequests.of(journal_of({}))[1]


def test_an_assertion_says_what_came_instead() -> None:
    requests = SeenRequests.of(journal_of({"model": "a"}))
    requests.assert_called(times=1, model="a")
    requests.assert_called(model="a")
    requests.assert_called(times=0, model="b")
    with pytest.raises(AssertionError, match='model is "a", expected "b"'):
        requests.assert_called(model="b")
    with pytest.raises(AssertionError, match='expected exactly 2 requests with model "a", but there was 1'):
        requests.assert_called(times=2, model="a")


def test_requests_that_nothing_answered_are_found() -> None:
    journal = journal_of({}, {})
    [_, second] = journal
    second.unmatched = True
    assert [request.number for request in SeenRequests.of(journal).unmatched] == [2]
