from collections.abc import Callable
from typing import Any

import pytest

Admin = Callable[..., Any]
REQUESTS = "/__admin/requests"


def ids(client: Any, query: str = "") -> list[int]:
    return [one["id"] for one in client.get(f"{REQUESTS}?{query}").json()["requests"]]


@pytest.fixture
def client(admin: Admin) -> Any:
    """A client that has asked four times: of recordings a and b, of none, and of the models."""
    client = admin()
    client.ask("Hello", model="a", session="s")
    client.ask("What is the weather?", model="b", session="t")
    client.ask(model="nothing", session="s")
    client.get("/v1/models")
    return client


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [1, 2, 3, 4]),
        ("session=s", [1, 3]),
        ("session=", [4]),
        ("session=nobody", []),
        ("recording=b", [2]),
        ("status=404", [3]),
        ("matched=true", [1, 2]),
        ("unmatched=true", [3]),
        ("pending=false", [1, 2, 3, 4]),
        ("pending=true", []),
        ("method=get", [4]),
        ("path=/v1/*", [1, 2, 3, 4]),
        ("path=*models", [4]),
        ("model=nothing", [3]),
        ("text=weather", [2]),
        ("since=0", [1, 2, 3, 4]),
        ("since=99999999999", []),
        ("session=s&status=200", [1]),
    ],
)
def test_requests_are_listed_by_conditions(query: str, found: list[int], client: Any) -> None:
    assert ids(client, query) == found


def test_requests_come_in_pages(client: Any) -> None:
    first = client.get(f"{REQUESTS}?limit=3").json()
    assert first["meta"] == {"total": 4, "next": 3}
    rest = client.get(f"{REQUESTS}?limit=3&after=3").json()
    assert [one["id"] for one in rest["requests"]] == [4]
    assert rest["meta"] == {"total": 4, "next": None}


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "after=-1", "status=x", "matched=perhaps"])
def test_a_condition_that_makes_no_sense_is_refused(query: str, client: Any) -> None:
    error = client.get(f"{REQUESTS}?{query}").json()["error"]
    assert error["param"] == query.partition("=")[0]
    assert error["code"] == "invalid_value"


def test_a_request_is_shown_whole_without_its_secrets(admin: Admin) -> None:
    client = admin()
    headers = {"authorization": "Bearer sk-secret", "x-trace": "7"}
    client.post(
        "/v1/responses?api_key=sk-secret", json={"model": "a", "input": "Hi", "stream": True}, headers=headers
    )
    answer = client.get(f"{REQUESTS}/1")
    assert "sk-secret" not in answer.text
    seen = answer.json()
    assert seen["headers"]["authorization"] == "Bearer [secret]"
    assert seen["headers"]["x-trace"] == "7"
    assert seen["body"] == {"model": "a", "input": "Hi", "stream": True}
    assert (seen["input_text"], seen["tool_outputs"], seen["near_misses"]) == ("Hi", [], [])
    assert (seen["status"], seen["recording"], seen["events"], seen["ended"]) == (200, "a", 4, "")
    assert seen["response_id"] == "resp_1"


def test_a_request_is_found_by_its_request_id(client: Any) -> None:
    request_id = client.get(f"{REQUESTS}/2").json()["request_id"]
    assert client.get(f"{REQUESTS}/{request_id}").json()["id"] == 2


def test_one_that_nothing_answered_says_why(client: Any) -> None:
    seen = client.get(f"{REQUESTS}/3").json()
    assert (seen["status"], seen["matched"], seen["unmatched"]) == (404, False, True)
    assert seen["why"].startswith('No recording matches: no recording is named "nothing"')


def test_a_request_that_is_not_there_is_a_404(client: Any) -> None:
    answer = client.get(f"{REQUESTS}/99")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("body", "shown", "cut"),
    [
        (b"no JSON", "no JSON", False),
        (b"\xff", "\ufffd", False),
        (b'{"input": "%s"}' % (b"x" * 300_000), '{"input": "' + "x" * (256 * 1024 - 11), True),
        (b"", None, False),
    ],
)
def test_any_body_is_shown_within_bounds(body: bytes, shown: Any, cut: bool, admin: Admin) -> None:
    client = admin()
    client.post("/v1/responses", content=body)
    seen = client.get(f"{REQUESTS}/1").json()
    assert (seen["body"], seen["body_cut"], seen["body_size"]) == (shown, cut, len(body))


def test_the_requests_of_one_session_are_forgotten(client: Any) -> None:
    assert client.delete(f"{REQUESTS}?session=s").json() == {"session": "s", "cleared": 2}
    assert ids(client) == [2, 4]
    assert client.server.session("s").plays == {"a": 1}


def test_to_forget_requests_a_session_must_be_named(client: Any) -> None:
    assert client.delete(REQUESTS).status_code == 400
    assert ids(client) == [1, 2, 3, 4]
