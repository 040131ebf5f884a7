import importlib
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import click
import pytest
from starlette.testclient import TestClient

from respool.errors import OptionError, PathError
from respool.protocol.request import ValidationLevel
from respool.recordings.recording import Recording
from respool.recordings.store import Store

Load = Callable[..., ModuleType]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """The module, imported anew, with these settings in the environment."""

    def make(**settings: object) -> ModuleType:
        for name in [name for name in os.environ if name.startswith("RESPOOL_")]:
            monkeypatch.delenv(name)
        for name, value in settings.items():
            monkeypatch.setenv(f"RESPOOL_{name}", str(value))
        monkeypatch.delitem(sys.modules, "respool.asgi", raising=False)
        return importlib.import_module("respool.asgi")

    return make


@pytest.fixture
def folder(store: Callable[..., Store], recording: Callable[..., Recording], tmp_path: Path) -> Path:
    store(recording("a"), recording("b"))
    return tmp_path


def test_the_app_serves_the_paths_of_the_environment(load: Load, folder: Path) -> None:
    paths = os.pathsep.join(str(folder / name) for name in ("a.jsonl", "b.jsonl"))
    client = TestClient(load(PATHS=paths, SPEED="instant").app)
    assert [model["id"] for model in client.get("/v1/models").json()["data"]] == ["a", "b"]
    assert client.post("/v1/responses", json={"model": "b"}).json()["status"] == "completed"


def test_without_paths_it_is_the_folder_fixtures(
    load: Load, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    (folder / "fixtures").mkdir()
    (folder / "a.jsonl").rename(folder / "fixtures" / "mine.jsonl")
    models = TestClient(load().app).get("/v1/models").json()
    assert [model["id"] for model in models["data"]] == ["mine"]


def test_the_files_are_read_on_first_use_and_once(load: Load, folder: Path) -> None:
    module = load(PATHS=folder / "nothing here yet")
    (folder / "nothing here yet").mkdir()
    assert module.app is module.app


def test_settings_are_those_of_the_command(load: Load, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import respool.server.mock_server

    servers: list[respool.server.mock_server.MockServer] = []
    make = respool.server.mock_server.MockServer

    def note(*args: object, **options: object) -> respool.server.mock_server.MockServer:
        servers.append(make(*args, **options))  # type: ignore[arg-type]
        return servers[-1]

    monkeypatch.setattr(respool.server.mock_server, "MockServer", note)
    settings = {
        "GAP": "typical",
        "MAX_GAP": 1.5,
        "TTFT": 2,
        "JITTER": 0.25,
        "SPEED": "instant",
        "SEED": 7,
        "DEFAULT": "b",
        "MAX_BODY": "1K",
        "VALIDATE_REQUESTS": "strict",
        "API_KEY": "sk-1 sk-2",
        "PROFILE": "xai",
        "KEEPALIVE": 2.5,
        "STATELESS": "true",
    }
    app = load(PATHS=folder, **settings).app
    (server,) = servers
    pace = server.pace
    assert (pace.gap, pace.max_gap, pace.ttft) == ("typical", 1.5, 2.0)
    assert (pace.jitter, pace.speed, pace.seed) == (0.25, math.inf, 7)
    assert server.default == "b"
    assert server.validate is ValidationLevel.STRICT
    assert (server.profile.name, server.keepalive) == ("xai", 2.5)
    assert server.memory.stateless
    large = {"model": "gpt-5.2", "input": "x" * 1024}
    client = TestClient(app, headers={"authorization": "Bearer sk-2"})
    assert client.post("/v1/responses", json=large).status_code == 413
    assert TestClient(app).post("/v1/responses", json=large).status_code == 401


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"SPEED": "fast"}, click.BadParameter),
        ({"SPEED": "-1"}, click.BadParameter),
        ({"GAP": "nan"}, click.BadParameter),
        ({"DEFAULT": "c"}, OptionError),
        ({"MAX_BODY": "much"}, click.BadParameter),
        ({"VALIDATE_REQUESTS": "all"}, click.BadParameter),
        ({"PROFILE": "nobody"}, click.BadParameter),
        ({"KEEPALIVE": "0"}, click.BadParameter),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(
    settings: dict[str, str], error: type[Exception], load: Load, folder: Path
) -> None:
    module = load(PATHS=folder, **settings)
    with pytest.raises(error):
        _ = module.app


def test_faults_come_from_the_environment_too(load: Load, folder: Path) -> None:
    client = TestClient(load(PATHS=folder, SPEED="instant", FAULT='status(code=503, message="a b"); bom').app)
    answer = client.post("/v1/responses", json={"model": "b"})
    assert (answer.status_code, answer.json()["error"]["message"]) == (503, "a b")
    client = TestClient(load(PATHS=folder, SPEED="instant", REQUEST_FAULTS="0").app)
    answer = client.post("/v1/responses", json={"model": "b"}, headers={"x-respool-fault": "abort"})
    assert answer.json()["error"]["code"] == "faults_not_allowed"


def test_what_answers_for_unknown_ids_comes_from_the_environment_too(load: Load, folder: Path) -> None:
    for settings, status in (({}, 404), ({"ON_UNKNOWN_ID": "default", "DEFAULT": "b"}, 200)):
        client = TestClient(load(PATHS=folder, SPEED="instant", **settings).app)
        assert client.get("/v1/responses/resp_x").status_code == status


def test_a_path_that_is_not_there_is_refused(load: Load, tmp_path: Path) -> None:
    module = load(PATHS=tmp_path / "nope")
    with pytest.raises(PathError, match="no such file or folder"):
        _ = module.app


def test_a_path_may_begin_with_a_dash(load: Load, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (folder / "-b.jsonl").write_text((folder / "b.jsonl").read_text())
    models = TestClient(load(PATHS="-b.jsonl").app).get("/v1/models").json()
    assert [model["id"] for model in models["data"]] == ["-b"]


def test_the_module_has_nothing_else(load: Load) -> None:
    with pytest.raises(AttributeError, match=r"^module 'respool\.asgi' has no attribute 'application'$"):
        _ = load().application


@pytest.mark.parametrize(
    ("settings", "headers", "status"),
    [
        ({}, {}, 200),
        ({"ADMIN_TOKEN": "secret"}, {}, 401),
        ({"ADMIN_TOKEN": "secret"}, {"authorization": "Bearer secret"}, 200),
        ({"ADMIN": "false"}, {}, 404),
    ],
)
def test_the_admin_api_is_set_up_by_the_environment(
    settings: dict[str, str], headers: dict[str, str], status: int, load: Load, folder: Path
) -> None:
    client = TestClient(load(PATHS=folder, **settings).app)
    assert client.get("/__admin/sessions", headers=headers).status_code == status


def test_a_token_that_no_header_carries_is_an_error(load: Load, folder: Path) -> None:
    module = load(PATHS=folder, ADMIN_TOKEN="with space")
    with pytest.raises(OptionError, match="the admin token is empty or has characters"):
        module.app  # noqa: B018
