from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from respool.cli import main
from respool.recordings.recording import Recording
from respool.recordings.store import Store
from respool.testing import RunningServer, running_server


@pytest.fixture
def running(
    store: Callable[..., Store], recording: Callable[..., Recording], tmp_path: Path
) -> Iterator[RunningServer]:
    store(recording("a", [(0.0, "response.x", {"sequence_number": number}) for number in range(5)]))
    with running_server(tmp_path) as server:
        yield server


@pytest.fixture
def respool(running: RunningServer, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Run a command on the server: its exit code, and what it printed."""

    def run(*args: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main([*args, "--url", running.url])
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out + printed.err

    return run


def test_a_stream_is_held_shown_and_released(
    running: RunningServer, respool: Callable[..., tuple[int, str]]
) -> None:
    assert respool("streams") == (0, "no streams\n")
    assert respool("hold", "after=2", "--recording", "a", "--once")[1].startswith("h1: holds a after=2")
    ask = {"model": "a", "stream": True}
    with (
        httpx2.Client(base_url=running.url) as http,
        http.stream("POST", "/v1/responses", json=ask) as answer,
    ):
        http.get("/__admin/wait", params={"for": "playback.held"})
        assert respool("streams", "--state", "held") == (
            0,
            "pb_1   held      a, 2/5 events, next 2 response.x when released, held after=2\n",
        )
        code, printed = respool("release", "pb_1", "--events", "1")
        assert (code, printed.splitlines()[0]) == (0, "  sent     2 response.x")
        assert "pb_1 held: a, 3/5 events" in printed
        assert respool("release", "pb_1", "--finish")[1] == "pb_1 done: a, 5/5 events\n"
        assert answer.read().count(b"event: response.x") == 5
    assert respool("release", "pb_1") == (1, "respool: The playback pb_1 has ended.\n")


def test_a_hold_is_removed(respool: Callable[..., tuple[int, str]]) -> None:
    respool("hold", "before=terminal")
    assert respool("hold", "--remove", "h1") == (0, "removed h1\n")
    assert respool("hold", "--remove", "h1") == (1, "respool: There is no hold h1.\n")


@pytest.mark.parametrize(
    "args",
    [["hold"], ["hold", "after=1", "--remove", "h1"], ["release", "pb_1", "--events", "1", "--until", "x"]],
    ids=" ".join,
)
def test_what_makes_no_sense_is_wrong_usage(args: list[str], respool: Callable[..., tuple[int, str]]) -> None:
    assert respool(*args)[0] == 2


def test_a_server_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["streams", "--url", "http://127.0.0.1:1"])
    assert (ended.value.code, "no answer from http://127.0.0.1:1" in capsys.readouterr().err) == (1, True)
