from collections.abc import Callable
from typing import Any

import pytest

Admin = Callable[..., Any]
FAULTS = "/__admin/faults"


def put(client: Any, session: str, faults: Any) -> Any:
    return client.put(FAULTS, json={"session": session, "faults": faults})


def test_faults_are_of_one_session(admin: Admin) -> None:
    client = admin()
    assert put(client, "s", ["status(code=503)"]).json() == {
        "session": "s",
        "faults": ["status(code=503)"],
        "own": True,
    }
    assert client.ask(session="s").status_code == 503
    assert client.ask(session="t").status_code == 200
    assert client.ask().status_code == 200
    assert client.get(f"{FAULTS}?session=t").json() == {"session": "t", "faults": [], "own": False}


def test_null_gives_the_faults_of_the_server_back(admin: Admin) -> None:
    client = admin()
    client.put(FAULTS, json={"session": "", "faults": [{"fault": "status", "code": 503, "times": 1}]})
    assert [client.ask().status_code for _ in range(2)] == [503, 200]
    assert put(client, "", None).json() == {"session": "", "faults": [], "own": False}


def test_a_session_is_not_begun_by_being_looked_at(admin: Admin) -> None:
    client = admin()
    client.get(f"{FAULTS}?session=s")
    assert len(client.server.sessions) == 1


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"faults": []}, "session: Field required"),
        ({"session": "s"}, "faults: Field required"),
        ({"session": "s", "faults": ["abrt"]}, "no fault is named abrt"),
        ({"session": "s", "faults": ["abort(after=x"]}, "abort"),
        ({"session": "s", "faults": [{"no": "name"}]}, "fault 1 of the list"),
        ({"session": "s", "faults": ["abort"] * 101}, "at most 100"),
        ({"session": "a/b", "faults": []}, "The session cannot be used"),
    ],
)
def test_what_is_no_fault_or_session_is_refused(body: Any, problem: str, admin: Admin) -> None:
    answer = admin().put(FAULTS, json=body)
    assert answer.status_code == 400
    assert problem in answer.json()["error"]["message"]


def test_all_faults_are_listed_with_what_they_do(admin: Any) -> None:
    found = {one["name"]: one for one in admin().get("/__admin/faults/kinds").json()["faults"]}
    assert found["abort"]["category"] == "end"
    assert "after" in found["abort"]["options"]
