"""Responses that stay, with the openai SDK for Node: polled, resumed, cancelled, deleted, and tried again."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from respool import running_server

TESTS = Path(__file__).parents[1]
RECORDING = TESTS.parent / "fixtures/text/hello.jsonl"
STOPS_AFTER = 5  # events

EventsOf = Callable[[str], list[dict]]

pytestmark = pytest.mark.node


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One recording twice: all at once, and with an hour after its first events."""
    folder = tmp_path_factory.mktemp("recordings")
    header, *lines = RECORDING.read_text("utf-8").splitlines()
    events = [json.loads(line)[1] for line in lines if line.startswith("[")]
    for name, hour in (("fast", None), ("slow", STOPS_AFTER)):
        timed = [json.dumps([3600 if place == hour else 0, event]) for place, event in enumerate(events)]
        (folder / f"{name}.jsonl").write_text("\n".join([header, *timed]) + "\n", "utf-8")
    return folder


@pytest.fixture(scope="module")
def seen(folder: Path) -> Iterator[dict[str, Any]]:
    """What the SDK made of it."""
    with running_server(folder) as running, running_server(folder, api_keys=["sk-right"]) as locked:
        urls = [running.url, locked.url]
        command = ["node", TESTS / "node" / "background.mjs", *urls, "fast", "slow"]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=60).stdout
        yield json.loads(output)


def test_a_stream_that_is_dropped_after_any_event_is_resumed_without_loss_or_repeat(
    seen: dict[str, Any], events_of: EventsOf
) -> None:
    numbers = [event["sequence_number"] for event in events_of("text/hello")]
    assert seen["resumed"] == [numbers] * len(numbers)


def test_a_background_response_is_polled_until_it_has_completed(
    seen: dict[str, Any], events_of: EventsOf
) -> None:
    final = events_of("text/hello")[-1]["response"]
    told = {name: value for name, value in seen["polled"].items() if name != "output_text"}
    assert told == {**final, "background": True}


def test_its_input_items_come_page_by_page(seen: dict[str, Any]) -> None:
    assert seen["items"] == ["a", "b", "c"]


def test_a_deleted_response_is_not_found(seen: dict[str, Any]) -> None:
    assert (seen["deleted"]["class"], seen["deleted"]["status"]) == ("NotFoundError", 404)


def test_a_stream_that_is_cancelled_ends_at_once_as_cancelled(seen: dict[str, Any]) -> None:
    cancelled = seen["cancelled"]
    assert (cancelled["status"], cancelled["before"]) == ("cancelled", STOPS_AFTER)
    (last,) = cancelled["after"]
    assert (last["type"], last["response"]["status"]) == ("response.failed", "cancelled")
    assert last["sequence_number"] == STOPS_AFTER


@pytest.mark.parametrize(("place", "least"), [(0, 690), (1, 990)], ids=["retry-after-ms", "retry-after"])
def test_a_rate_limit_is_tried_again_when_it_says_so(place: int, least: float, seen: dict[str, Any]) -> None:
    retried = seen["retries"][place]
    assert (retried["status"], retried["counts"]) == ("completed", ["0", "1"])
    assert retried["wait"] >= least, "untold, the SDK waits 0.5 seconds"


def test_a_wrong_key_is_refused(seen: dict[str, Any]) -> None:
    refusal = {"class": "AuthenticationError", "status": 401, "code": "invalid_api_key"}
    assert seen["unauthorized"] == refusal
