"""Adding to match.yaml by the admin API."""

import os
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from respool.http import create_app
from respool.recordings.store import Store
from respool.server.mock_server import MockServer

KNOWN = '{"respool":1,"request":{"model":"m","input":"Order ORD-1","temperature":1},"body":{}}\n'


def client_of(*paths: Path) -> TestClient:
    return TestClient(create_app(MockServer(Store(paths))))


def add(client: TestClient, **rules: Any) -> Any:
    return client.post("/__admin/match-rules", json=rules)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "known.json").write_text(KNOWN)
    (tmp_path / "other.script.yaml").write_text("text: Hi")
    return tmp_path


def test_what_is_added_is_written_and_holds_at_once(folder: Path) -> None:
    (folder / "known.json").unlink()
    (folder / "known.script.yaml").write_text(
        "request: {model: m, input: Order ORD-1, temperature: 1}\ntext: Yes"
    )
    client = client_of(folder)
    asked = {"model": "m", "input": "Order ORD-2", "temperature": 0.5}
    assert client.post("/v1/responses", json=asked).status_code == 404
    before = client.get("/__admin/match-rules").json()
    assert before == {"strictness": "normal", "masks": {}, "exclude": [],
                      "file": str(folder / "match.yaml"), "problem": ""}  # fmt: skip
    added = add(client, exclude=["/temperature"], masks={"order": "ORD-[0-9]+"}).json()
    assert (added["exclude"], added["masks"]) == (["/temperature"], {"order": "ORD-[0-9]+"})
    assert (folder / "match.yaml").read_text() == added["text"]
    assert client.post("/v1/responses", json=asked).status_code == 200
    assert sorted(path.name for path in folder.iterdir()) == [
        "known.script.yaml",
        "match.yaml",
        "other.script.yaml",
    ]


def test_the_rest_of_the_file_stays_and_no_other_file_is_looked_at(folder: Path) -> None:
    (folder / "sub").mkdir()
    file = folder / "sub" / "match.yaml"
    file.write_text("# mine\nexclude: [/a]\n")
    file.chmod(0o640)
    client = client_of(folder)
    (folder / "new.script.yaml").write_text("text: New")
    assert add(client, exclude=["/b"]).json()["file"] == str(file)
    assert file.read_text() == '# mine\nexclude: [/a, "/b"]\n'
    assert file.stat().st_mode & 0o777 == 0o640
    found = client.get("/__admin/recordings").json()["recordings"]
    assert "new" not in {one["name"] for one in found}


@pytest.mark.parametrize(
    ("rules", "code", "message"),
    [
        ({"exclude": ["tools"]}, "invalid_rules", "a JSON pointer begins with"),
        ({"masks": {"a": "("}}, "invalid_rules", "The rules cannot be used"),
        ({"exclude": "x"}, "invalid_value", "exclude"),
    ],
)
def test_what_is_no_rule_is_refused(rules: Any, code: str, message: str, folder: Path) -> None:
    answer = add(client_of(folder), **rules)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert message in answer.json()["error"]["message"]
    assert not (folder / "match.yaml").exists()


def test_a_server_without_a_folder_refuses_it(folder: Path) -> None:
    client = client_of(folder / "other.script.yaml")
    answer = add(client, exclude=["/tools"])
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "no_folder")
    told = client.get("/__admin/match-rules").json()
    assert (told["file"], told["problem"]) == (None, answer.json()["error"]["message"])


def test_a_file_that_cannot_be_written_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *args: False)  # root may write everywhere
    client = client_of(folder)
    answer = add(client, exclude=["/tools"])
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "read_only")
    assert str(folder / "match.yaml") in answer.json()["error"]["message"]
    assert client.get("/__admin/match-rules").json()["problem"]
    assert not (folder / "match.yaml").exists()


def test_a_file_with_a_mistake_is_not_touched(folder: Path) -> None:
    file = folder / "match.yaml"
    file.write_text("exclude: [x]\n")
    answer = add(client_of(folder), exclude=["/tools"])
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "cannot_be_added")
    assert "match.yaml:1:11" in answer.json()["error"]["message"]
    assert file.read_text() == "exclude: [x]\n"


def test_a_link_out_of_the_folder_is_not_followed(folder: Path, tmp_path_factory: Any) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "match.yaml"
    elsewhere.write_text("exclude: [/a]\n")
    (folder / "match.yaml").symlink_to(elsewhere)
    answer = add(client_of(folder), exclude=["/tools"])
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "outside_of_folder")
    assert elsewhere.read_text() == "exclude: [/a]\n"


def test_a_page_of_another_origin_cannot_write(folder: Path) -> None:
    client = client_of(folder)
    answer = client.post(
        "/__admin/match-rules", json={"exclude": ["/tools"]}, headers={"origin": "https://evil.example"}
    )
    assert answer.status_code == 403
    assert not (folder / "match.yaml").exists()
