import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from respool.errors import OptionError
from respool.http.admin import recordings
from respool.recordings.store import Store
from respool.server import uploads

Admin = Callable[..., Any]
RECORDINGS = "/__admin/recordings"
JSONL = b"""[0.1,{"type":"response.created","sequence_number":0,"response":{"id":"resp_9"}}]
[0.1,{"type":"response.completed","sequence_number":1,"response":{"id":"resp_9","status":"completed"}}]
"""
SSE = b'event: response.created\ndata: {"type":"response.created","response":{"id":"resp_9"}}\n\n'


def put(client: Any, name: str, data: bytes = JSONL, kind: str = "application/jsonl") -> Any:
    return client.put(f"{RECORDINGS}/{name}", content=data, headers={"content-type": kind})


def test_recordings_are_listed_with_their_turns_and_files(admin: Admin) -> None:
    client = admin("a", "dir/b")
    client.ask(model="a")
    first, second = client.get(RECORDINGS).json()["recordings"]
    assert (first["name"], first["format"], first["uploaded"]) == ("a", "jsonl", False)
    assert first["source"].endswith("a.jsonl")
    assert first["size"] == Path(first["source"]).stat().st_size
    assert [(turn["name"], turn["events"], turn["plays"]) for turn in first["turns"]] == [("a", 4, 1)]
    assert (second["name"], second["turns"][0]["plays"]) == ("dir/b", 0)


def test_files_that_are_refused_are_listed(admin: Admin) -> None:
    client = admin()
    Path(client.server.store.paths[0], "broken.jsonl").write_text('{"type":')
    client.server.store.refresh()
    [refused] = client.get(RECORDINGS).json()["refused"]
    assert refused["name"] == "broken"
    assert "broken.jsonl:1" in refused["error"]


def test_a_recording_is_checked_when_it_is_asked_for(admin: Admin) -> None:
    client = admin()
    put(client, "up", SSE)
    found = client.get(f"{RECORDINGS}/up").json()["findings"]
    assert found
    assert {"code", "level", "message", "turn", "line"} == found[0].keys()
    assert client.get(f"{RECORDINGS}/none").status_code == 404


@pytest.mark.parametrize(
    ("data", "kind", "events"),
    [
        (JSONL, "application/jsonl", 2),
        (JSONL, "application/x-ndjson; charset=utf-8", 2),
        (SSE, "text/event-stream", 1),
        (SSE, "application/octet-stream", 1),
    ],
)
def test_an_uploaded_recording_plays_and_can_be_removed(
    data: bytes, kind: str, events: int, admin: Admin
) -> None:
    client = admin()
    answer = put(client, "mine/up", data, kind)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["uploaded"], answer.json()["source"], answer.json()["size"]) == (
        True,
        None,
        len(data),
    )
    assert client.ask(model="mine/up").text.count("data: ") == events
    assert client.delete(f"{RECORDINGS}/mine/up").json() == {"name": "mine/up", "removed": True}
    assert client.ask(model="mine/up").status_code == 404
    assert client.delete(f"{RECORDINGS}/mine/up").status_code == 404


def test_an_upload_replaces_an_earlier_one_and_stays_when_files_change(admin: Admin) -> None:
    client = admin()
    put(client, "up")
    put(client, "up", SSE)
    client.server.store.refresh()
    assert client.ask(model="up").text.count("data: ") == 1


def test_recordings_of_files_are_not_touched(admin: Admin) -> None:
    client = admin()
    assert (put(client, "a").status_code, client.delete(f"{RECORDINGS}/a").status_code) == (409, 409)
    assert client.ask(model="a").status_code == 200


@pytest.mark.parametrize(
    "name",
    [
        "%2e%2e%2fup",
        "..%2fup",
        "up%2f..",
        "%2fetc%2fup",
        "up%23",
        "up%3f",
        "a%00b",
        "a%5cb",
        ".up",
        "x" * 201,
        "a%2f%2fb",
        "%C3%A9",
    ],
)
def test_what_is_no_name_is_refused(name: str, admin: Admin) -> None:
    client = admin()
    answer = put(client, name)
    assert answer.status_code == 400, answer.text
    assert "is no name of a recording" in answer.json()["error"]["message"]
    assert client.server.store.names == ["a", "b"]


def test_an_upload_is_never_a_file(admin: Admin, tmp_path: Path) -> None:
    client = admin()
    before = sorted(tmp_path.rglob("*"))
    put(client, "up.jsonl")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "empty"),
        (b"turns:\n- say: hi\n", "up.jsonl:1"),
        (b'{"type":', "up.jsonl:1"),
        (b"\xff\xfe", "up.jsonl"),
    ],
)
def test_what_is_no_recording_is_refused_with_its_place(data: bytes, problem: str, admin: Admin) -> None:
    answer = put(admin(), "up", data)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_recording")
    assert problem in answer.json()["error"]["message"]


def test_a_script_cannot_be_uploaded_since_it_may_name_files(admin: Admin) -> None:
    script = b"- say: hi\n"
    for kind in recordings._KINDS:
        assert put(admin(), "up.script.yaml", script, kind).status_code == 400
    assert put(admin(), "up", script, "application/yaml").status_code == 415


@pytest.mark.parametrize(("bound", "most"), [("MOST", 1), ("MOST_BYTES", len(JSONL) + 1)])
def test_uploads_have_bounds(bound: str, most: int, admin: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, bound, most)
    client = admin()
    assert put(client, "one").status_code == 200
    assert put(client, "one").status_code == 200
    assert put(client, "two").status_code == 413
    client.delete(f"{RECORDINGS}/one")
    assert put(client, "two").status_code == 200


def test_an_upload_counts_as_what_it_becomes_when_it_is_decompressed(
    admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert put(admin(), "up", gzip.compress(JSONL)).json()["size"] == len(JSONL)
    monkeypatch.setattr(uploads, "MOST_BYTES", 10_000)
    bomb = gzip.compress(JSONL + b"\n" * 1_000_000)
    assert put(admin(), "up", bomb).status_code == 400


def test_a_store_refuses_a_name_that_a_file_has(tmp_path: Path) -> None:
    (tmp_path / "broken.jsonl").write_text('{"type":')
    store = Store([tmp_path])
    with pytest.raises(OptionError, match="broken is the name of a recording in a file"):
        store.add("broken", ())
    assert store.remove("broken") is False


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, ["a", "b", "c"]),
        ({"limit": 2}, ["a", "b"]),
        ({"limit": 2, "offset": 2}, ["c"]),
        ({"text": "B"}, ["b"]),
        ({"text": "nothing"}, []),
        ({"format": "jsonl"}, ["a", "b", "c"]),
        ({"format": "sse"}, []),
    ],
)
def test_the_list_is_searched_and_comes_in_pages(
    query: dict[str, Any], names: list[str], admin: Admin
) -> None:
    found = admin("a", "b", "c").get(RECORDINGS, params=query).json()
    assert [one["name"] for one in found["recordings"]] == names
    assert found["total"] == (3 if "limit" in query else len(names))
    assert found["formats"] == ["jsonl"]


def test_notes_are_searched(admin: Admin, recording: Any) -> None:
    client = admin()
    client.server.store.add("noted", (recording("noted", note="Slow to start"),))
    found = client.get(RECORDINGS, params={"text": "start slow"}).json()
    assert [one["name"] for one in found["recordings"]] == ["noted"]


def test_the_list_says_what_a_check_finds_if_it_is_asked(admin: Admin) -> None:
    client = admin("a")
    (plain,) = client.get(RECORDINGS).json()["recordings"]
    (checked,) = client.get(RECORDINGS, params={"checked": True}).json()["recordings"]
    assert plain["findings_by_level"] is None
    assert checked["findings_by_level"]["error"] > 0
    assert client.get(f"{RECORDINGS}/a").json()["findings_by_level"] is None
