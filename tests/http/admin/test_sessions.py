from collections.abc import Callable
from typing import Any

import pytest

Admin = Callable[..., Any]


def test_sessions_are_listed_with_what_they_hold(admin: Admin) -> None:
    client = admin()
    client.ask(session="s")
    client.ask(session="s")
    client.ask()
    default_session, named = client.get("/__admin/sessions").json()["sessions"]
    assert (default_session["name"], default_session["requests"], default_session["plays"]) == (
        "",
        1,
        {"a": 1},
    )
    assert (named["name"], named["requests"], named["plays"]) == ("s", 2, {"a": 2})
    assert named["responses"] == 2
    assert named["faults"] is None


@pytest.mark.parametrize(("session", "other"), [("s", "t"), ("", "s"), ("s", "")])
def test_a_reset_is_of_one_session(session: str, other: str, admin: Admin) -> None:
    client = admin()
    client.ask(session=session)
    client.ask(session=other)
    answer = client.post("/__admin/reset", json={"session": session})
    assert answer.json() == {"session": session, "done": True}
    assert [exchange.session for exchange in client.server.journal] == [other]
    assert not client.server.session(session).plays
    assert not len(client.server.session(session).history)
    assert client.server.session(other).plays == {"a": 1}
    assert len(client.server.session(other).history) == 1


def test_a_reset_never_means_all_sessions(admin: Admin) -> None:
    client = admin()
    client.ask(session="s")
    answer = client.post("/__admin/reset", json={})
    assert answer.status_code == 400
    assert answer.json()["error"] == {
        "message": "session: Field required",
        "type": "invalid_request_error",
        "param": "session",
        "code": "invalid_value",
    }
    assert len(client.server.journal) == 1


def test_a_reset_of_a_session_that_is_not_there_says_so(admin: Admin) -> None:
    client = admin()
    assert client.post("/__admin/reset", json={"session": "nobody"}).json()["done"] is False
    assert len(client.server.sessions) == 1


def test_a_deleted_session_is_gone(admin: Admin) -> None:
    client = admin()
    client.ask(session="s")
    client.ask()
    assert client.delete("/__admin/sessions?session=s").json() == {"session": "s", "done": True}
    assert [one["name"] for one in client.get("/__admin/sessions").json()["sessions"]] == [""]
    assert [exchange.session for exchange in client.server.journal] == [""]
    answer = client.delete("/__admin/sessions?session=s")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("query", ["", "?session="])
def test_the_session_of_everybody_is_not_deleted(query: str, admin: Admin) -> None:
    client = admin()
    client.ask()
    assert client.delete(f"/__admin/sessions{query}").status_code == 400
    assert len(client.server.journal) == 1


def test_a_session_plays_what_it_is_told_until_it_is_reset(admin: Admin) -> None:
    client = admin()
    assert client.put("/__admin/play", json={"session": "s", "name": "b"}).status_code == 200
    assert client.ask(session="s", model="gpt-5").status_code == 200
    assert client.server.session("s").plays == {"b": 1}
    assert client.ask(session="t", model="gpt-5").status_code == 404
    client.post("/__admin/reset", json={"session": "s"})
    assert client.ask(session="s", model="gpt-5").status_code == 404


def test_a_session_cannot_play_what_is_not_there(admin: Admin) -> None:
    answer = admin("hello", "b").put("/__admin/play", json={"session": "s", "name": "helo"})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == 'There is no recording "helo". Nearest: hello.'
