"""Each recording over a real socket, read by a client that is as simple as can be, and compared with
texts that were cut from the file."""

import json
import math
import re
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path

import httpx2
import pytest

from respool import Pace, running_server

OURS = Path(__file__).parents[2] / "fixtures"
PUBLISHED = OURS.parents[1] / "shared" / "recordings"  # real ones; not in the repository
TERMINAL = {"response.completed", "response.failed", "response.incomplete"}

TurnsOf = Callable[[Path], list[list[str]]]


def published() -> list[Path]:
    manifest = PUBLISHED / "MANIFEST.json"
    if not manifest.exists():
        return []
    entries = json.loads(manifest.read_text(encoding="utf-8"))["recordings"]
    return [PUBLISHED / entry["file"] for entry in entries if entry["format"] in ("jsonl", "sse")]


def name_of(path: Path) -> str:
    folder = OURS if path.is_relative_to(OURS) else PUBLISHED
    return path.relative_to(folder).with_suffix("").as_posix()


def holding(pattern: str, paths: list[Path]) -> list[Path]:
    return [path for path in paths if re.search(pattern, path.read_text(encoding="utf-8"))]


FILES = [*sorted(path for path in OURS.rglob("*") if path.suffix in (".jsonl", ".sse")), *published()]
STREAMS = holding('"response.created"', FILES)
ANSWERS = holding('"response.(completed|failed|incomplete)"', STREAMS)
PLAIN = [path for path in FILES if path not in STREAMS]


@pytest.fixture(
    scope="module",
    params=[Pace(speed=math.inf), Pace(gap=0.0005, max_gap=0.0005)],
    ids=["all at once", "one by one"],
)
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    """HOST:PORT of a server of all files."""
    folders = [OURS, PUBLISHED] if PUBLISHED.exists() else [OURS]
    with running_server(*folders, pace=request.param) as running:
        yield running.url.removeprefix("http://")


@pytest.fixture(scope="module")
def connection(address: str) -> Iterator[HTTPConnection]:
    """One connection for all requests: none may leave anything behind on it."""
    connection = HTTPConnection(address, timeout=10)
    yield connection
    connection.close()


def post(connection: HTTPConnection, name: str, turn: int, stream: bool) -> tuple[int, str, str]:
    """Status, content type and body of an answer."""
    connection.request("POST", f"/r/{name}/turns/{turn}/v1/responses", json.dumps({"stream": stream}))
    response = connection.getresponse()
    return response.status, response.headers["content-type"], response.read().decode()


def parse(body: str) -> Iterator[tuple[str, str]]:
    """The event: and data: of each message."""
    assert body.endswith("\n\n")
    for message in body.removesuffix("\n\n").split("\n\n"):
        event, data = message.split("\n")
        assert (event[:7], data[:6]) == ("event: ", "data: ")
        yield event[7:], data[6:]


@pytest.mark.parametrize("path", STREAMS, ids=name_of)
def test_each_turn_streams_as_its_own_event_texts(
    path: Path, connection: HTTPConnection, turns_of: TurnsOf
) -> None:
    for turn, texts in enumerate(turns_of(path), start=1):
        status, content_type, body = post(connection, name_of(path), turn, stream=True)

        assert (status, content_type) == (200, "text/event-stream; charset=utf-8")
        for (event, data), text in zip(parse(body), texts, strict=True):
            assert data == text
            assert event == json.loads(text)["type"]


@pytest.mark.parametrize("path", ANSWERS, ids=name_of)
def test_without_stream_the_answer_is_the_text_of_the_final_response(
    path: Path, connection: HTTPConnection, turns_of: TurnsOf
) -> None:
    for turn, texts in enumerate(turns_of(path), start=1):
        final = next(text for text in reversed(texts) if json.loads(text)["type"] in TERMINAL)

        status, content_type, body = post(connection, name_of(path), turn, stream=False)

        assert (status, content_type) == (200, "application/json")
        assert body in final
        assert json.loads(body) == json.loads(final)["response"]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("path", PLAIN, ids=name_of)
def test_a_recorded_error_answers_with_its_status_and_body(
    path: Path, stream: bool, connection: HTTPConnection
) -> None:
    header = json.loads(path.read_text(encoding="utf-8").split("\n")[0])

    status, content_type, body = post(connection, name_of(path), 1, stream)

    assert (status, content_type) == (header["status"], "application/json")
    assert json.loads(body) == header["body"]


@pytest.mark.parametrize("path", STREAMS, ids=name_of)
def test_a_stream_is_not_compressed_though_httpx2_offers_it(
    path: Path, address: str, turns_of: TurnsOf
) -> None:
    url = f"http://{address}/r/{name_of(path)}/v1/responses"
    with httpx2.stream(
        "POST", url, json={"stream": True}, headers={"accept-encoding": "gzip, br"}
    ) as response:
        body = b"".join(response.iter_raw()).decode()

    assert "content-encoding" not in response.headers
    assert [data for _, data in parse(body)] == turns_of(path)[0]
