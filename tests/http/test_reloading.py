"""Changes of files are taken up, whatever happens to their folder."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from respool.http import reloading
from respool.testing import RunningServer, running_server

EVENT = '{"type":"response.completed","sequence_number":0,"response":{"id":"resp_1","output":[]}}\n'

WaitFor = Callable[[RunningServer, Callable[[], bool]], None]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reloading, "LOOK", 0.02)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "recordings"
    made.mkdir()
    (made / "a.jsonl").write_text(EVENT)
    return made


@pytest.fixture
def running(folder: Path, caplog: pytest.LogCaptureFixture) -> Iterator[RunningServer]:
    caplog.set_level("INFO", "respool")
    with running_server(folder, reload=True) as server:
        yield server


def wait_for_names(running: RunningServer, wait_for: Any, *names: str) -> None:
    wait_for(running, lambda: running.server.store.names == list(names))


def test_a_folder_that_is_deleted_and_made_again_is_watched_again(
    running: RunningServer, folder: Path, wait_for: WaitFor
) -> None:
    shutil.rmtree(folder)
    wait_for_names(running, wait_for)
    folder.mkdir()
    (folder / "b.jsonl").write_text(EVENT)
    wait_for_names(running, wait_for, "b")
    (folder / "c.jsonl").write_text(EVENT)
    wait_for_names(running, wait_for, "b", "c")


def test_a_folder_that_is_replaced_by_rename_is_watched_from_then_on(
    running: RunningServer, folder: Path, tmp_path: Path, wait_for: WaitFor
) -> None:
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    (other / "b.jsonl").write_text(EVENT)
    folder.rename(tmp_path / "old")
    other.rename(folder)
    wait_for_names(running, wait_for, "a", "b")
    (folder / "c.jsonl").write_text(EVENT)
    wait_for_names(running, wait_for, "a", "b", "c")


def test_a_link_that_leads_elsewhere_is_followed(tmp_path: Path, folder: Path, wait_for: WaitFor) -> None:
    link, other = tmp_path / "link", tmp_path / "other"
    link.symlink_to(folder)
    other.mkdir()
    (other / "b.jsonl").write_text(EVENT)
    with running_server(link, reload=True) as running:
        (tmp_path / "new").symlink_to(other)
        os.replace(tmp_path / "new", link)
        wait_for_names(running, wait_for, "b")


def test_where_watching_fails_changes_are_looked_for_and_the_log_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, wait_for: WaitFor
) -> None:
    def fail(*paths: Path, **options: Any) -> Any:
        raise PermissionError(13, "Permission denied", "sub")

    monkeypatch.setattr(reloading.watchfiles, "awatch", fail)
    with running_server(folder, reload=True) as running:
        (folder / "b.jsonl").write_text(EVENT)
        wait_for_names(running, wait_for, "a", "b")
    said = [line for line in caplog.messages if "looked for every second" in line]
    assert said == [
        "changes are looked for every second, since watching fails: [Errno 13] Permission denied: 'sub'"
    ]
