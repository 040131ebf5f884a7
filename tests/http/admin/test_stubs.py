from collections.abc import Callable
from typing import Any

import pytest

Admin = Callable[..., Any]
STUBS = "/__admin/stubs"
BUSY = {"name": "busy", "match": {"model": "gpt-5.2"}, "play": {"status": 503, "body": {"error": {}}}}


def add(client: Any, session: str, stub: Any) -> Any:
    return client.post(STUBS, json={"session": session, "stub": stub})


def test_a_stub_answers_in_its_session_until_it_is_removed(admin: Admin) -> None:
    client = admin("a")
    added = add(client, "s", BUSY)
    assert (added.status_code, added.json()) == (201, {"name": "busy", "of": "session", "stub": BUSY})
    assert client.get(f"{STUBS}?session=s").json() == {"stubs": [added.json()]}
    assert client.get(f"{STUBS}?session=t").json() == {"stubs": []}
    assert [client.ask(session=session, model="gpt-5.2").status_code for session in ("s", "t")] == [503, 200]
    assert client.delete(f"{STUBS}?session=s&name=busy").json() == {"stubs": [added.json()]}
    assert client.ask(session="s", model="gpt-5.2").status_code == 200


def test_a_stub_of_the_same_name_is_replaced(admin: Admin) -> None:
    client = admin()
    for status in (503, 500):
        add(client, "", {**BUSY, "play": {"status": status, "body": {}}})
    assert len(client.get(f"{STUBS}?session=").json()["stubs"]) == 1
    assert client.ask(model="gpt-5.2").status_code == 500


@pytest.mark.parametrize(
    ("stub", "problem"),
    [({}, "play"), ({"play": "a", "mach": {}}, "mach"), ({"play": "a", "times": -1}, "times")],
)
def test_what_is_no_stub_is_refused(stub: Any, problem: str, admin: Admin) -> None:
    answer = add(admin(), "s", stub)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_stub")
    assert problem in answer.json()["error"]["message"]


def test_a_stub_that_is_not_there_cannot_be_removed(admin: Admin) -> None:
    assert admin().delete(f"{STUBS}?session=s&name=none").status_code == 404


def test_near_misses_of_a_request_that_is_only_tried_are_told(admin: Admin) -> None:
    client = admin()
    add(client, "s", BUSY)
    body = {"session": "s", "body": {"model": "gpt-4", "input": "Hi"}}
    found = client.post("/__admin/near-misses", json=body).json()["near_misses"]
    assert found[0]["stub"] == "busy"
    assert len(client.server.journal) == 0
