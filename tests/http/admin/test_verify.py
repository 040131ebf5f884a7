import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from respool.http import create_app
from respool.http.admin import verify as waiting
from respool.server.mock_server import MockServer

Admin = Callable[..., Any]


@pytest.fixture
def client(admin: Admin) -> Any:
    client = admin()
    client.ask("Hello", model="a", session="s")
    client.ask("What is the weather?", model="b", session="s")
    client.ask("Hello", model="b", session="t")
    return client


def verified(client: Any, **body: Any) -> Any:
    answer = client.post("/__admin/verify", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(
    "expected",
    [
        {"match": {}},
        {"match": {"session": "s"}, "times": {"exactly": 2}},
        {"match": {"session": "t", "recording": "a"}, "times": {"exactly": 0}},
        {"match": {"body": {"input": "Hello"}}, "times": {"at_least": 2, "at_most": 2}},
        {"match": {"pointers": {"/model": "b"}, "jmespath": "stream"}, "times": {"exactly": 2}},
        {"order": [{"recording": "a"}, {"recording": "b"}]},
        {"order": []},
    ],
)
def test_what_is_as_expected_is_ok(expected: Any, client: Any) -> None:
    assert verified(client, **expected) == {"ok": True, "failures": []}


def test_what_is_not_says_what_came_instead(client: Any) -> None:
    verdict = verified(client, match={"session": "s", "text": "weather", "recording": "a"})
    assert verdict["ok"] is False
    [failure] = verdict["failures"]
    first, second, *_ = failure.splitlines()
    assert first == (
        'expected at least 1 request with session "s", recording "a", text "weather", but there was none'
    )
    assert second == "Nearest:"
    assert 'recording is "b", expected "a"' in failure


def test_a_failure_shows_no_requests_of_other_sessions(client: Any) -> None:
    [failure] = verified(client, match={"session": "s", "status": 500})["failures"]
    assert failure.count("POST") == 2
    assert "session t" not in failure
    [failure] = verified(client, order=[{"session": "t", "recording": "a"}])["failures"]
    assert "session s" not in failure


def test_the_order_is_that_of_a_session(client: Any) -> None:
    [failure] = verified(
        client, order=[{"session": "s", "recording": "b"}, {"session": "s", "recording": "a"}]
    )["failures"]
    assert "number 2 of 2" in failure


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({}, "give one of match and order"),
        ({"match": {}, "order": []}, "give one of match and order"),
        ({"match": {"sesion": "s"}}, "match.sesion: Extra inputs are not permitted"),
        ({"match": {"status": "no"}}, "match.status: Input should be a valid integer"),
        ({"match": {"jmespath": "("}}, "( is no JMESPath expression"),
        ({"match": {"pointers": {"a": 1}}}, "a is no JSON pointer"),
        ({"match": {}, "times": {"exactly": 1, "at_most": 1}}, "exactly excludes"),
        ({"match": {}, "times": {"exactly": -1}}, "times.exactly: Input should be greater than"),
        ([], "body: Input should be a valid dictionary"),
    ],
)
def test_what_cannot_be_verified_is_refused(body: Any, problem: str, client: Any) -> None:
    answer = client.post("/__admin/verify", json=body)
    assert answer.status_code == 400
    assert problem in answer.json()["error"]["message"]


def test_a_body_that_is_no_json_is_refused(client: Any) -> None:
    headers = {"content-type": "application/json"}
    answer = client.post("/__admin/verify", content=b"{", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_value")
    deep = client.post("/__admin/verify", content=b'{"match":{"body":' + b"[" * 100_000, headers=headers)
    assert deep.status_code == 400


@pytest.mark.parametrize(
    ("query", "unplayed"), [("", []), ("?session=s", []), ("?session=t", ["a"]), ("?session=", ["a", "b"])]
)
def test_turns_that_were_never_played_are_listed(query: str, unplayed: list[str], client: Any) -> None:
    assert client.get(f"/__admin/unplayed{query}").json() == {"unplayed": unplayed}


def test_after_a_reset_a_session_has_played_nothing(client: Any) -> None:
    client.post("/__admin/reset", json={"session": "s"})
    assert client.get("/__admin/unplayed?session=s").json() == {"unplayed": ["a", "b"]}
    assert client.get("/__admin/unplayed").json() == {"unplayed": []}


def test_what_has_come_is_not_waited_for(client: Any) -> None:
    waited = client.post("/__admin/wait", json={"match": {"session": "s"}, "count": 2}).json()
    assert (waited["ok"], waited["count"]) == (True, 2)
    assert [one["id"] for one in waited["requests"]] == [1, 2]


def test_after_its_time_a_wait_says_how_many_came(client: Any) -> None:
    waited = client.post("/__admin/wait", json={"match": {"session": "s"}, "count": 3, "timeout": 0}).json()
    assert (waited["ok"], waited["count"]) == (False, 2)


@pytest.mark.parametrize("body", [{"count": 0}, {"timeout": 301}, {"timeout": -1}, {"count": 1001}])
def test_a_wait_has_bounds(body: Any, client: Any) -> None:
    assert client.post("/__admin/wait", json=body).status_code == 400


JSON = [("content-type", "application/json")]


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.001)


async def test_a_wait_ends_when_the_request_comes_that_it_waits_for(
    server: Callable[..., MockServer], call: Callable[..., Any]
) -> None:
    serving = server()
    app = create_app(serving)
    wait = call(
        app, "/__admin/wait", {"match": {"path": "/v1/models", "status": 200}, "timeout": 60}, headers=JSON
    )
    await until(lambda: serving.journal.watchers)
    await call(app, "/v1/nothing", method="GET").task
    assert not wait.sent
    await call(app, "/v1/models", method="GET").task
    await wait.task
    assert [one["path"] for one in wait.json["requests"]] == ["/v1/models"]
    assert not serving.journal.watchers


async def test_a_wait_ends_when_its_client_leaves(
    server: Callable[..., MockServer], call: Callable[..., Any]
) -> None:
    serving = server()
    wait = call(serving, "/__admin/wait", {"timeout": 300}, headers=JSON)
    await until(lambda: serving.journal.watchers)
    wait.leave()
    await wait.task
    assert not serving.journal.watchers


async def test_only_so_many_wait_at_once(
    server: Callable[..., MockServer], call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "MOST_WAITING", 1)
    serving = server()
    app = create_app(serving)
    first = call(app, "/__admin/wait", {"timeout": 300}, headers=JSON)
    await until(lambda: serving.journal.watchers)
    second = call(app, "/__admin/wait", {"timeout": 300}, headers=JSON)
    await second.task
    assert (second.status, second.json["error"]["code"]) == (429, "too_many")
    first.leave()
    await first.task
