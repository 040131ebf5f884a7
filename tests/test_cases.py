"""Files on which an earlier version fell short, if the folder lies beside the repository."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from respool.bench.servers import respool
from respool.check.files import check_file
from respool.errors import NotARecording, RecordingError
from respool.recordings import formats
from respool.recordings.formats import jsonl
from respool.recordings.recording import Recording, TimedEvent, Verbatim
from respool.recordings.store import Store

FOLDER = Path(__file__).parents[2] / "shared/cases"

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="no ../shared/cases")

# File: its events, and all that is sent (comments and what is no event too).
READ = {
    "array-one-event-a-line.json": (11, 11),
    "array-pretty.json": (11, 11),
    "bare-json-error-line.sse": (6, 7),
    "capture.har": (10, 10),
    "cassette.yaml": (10, 10),
    "comments-and-no-event-lines.sse": (12, 13),
    "curl-i-with-head.sse": (10, 10),
    "curl-v.txt": (10, 10),
    "devtools-eventstream.tsv": (10, 10),
    "empty-data-keepalive.sse": (12, 13),
    "error-without-type.sse": (7, 7),
    "event-cut-and-error-spliced.sse": (12, 13),
    "foreign-agents-sdk-wrapper.jsonl": (10, 10),
    "html-frame.sse": (6, 7),
    "minus-infinity-logprob.jsonl": (12, 12),
    "objects-pretty-one-after-another.txt": (10, 10),
    "powershell-utf16.sse": (11, 11),
    "text-error-frame.sse": (6, 7),
    "wrapped-event-and-data.jsonl": (10, 10),
}
REFUSED = {
    "foreign-chat-completions.sse": "a chat-completions stream",
    "foreign-codex-rollout.jsonl": "a session log of Codex",
    "foreign-recorder-lines.sse.jsonl": "lines of a recorder",
    "markdown-page-with-a-stream.md": "a text that shows a stream",
}


def read(name: str) -> tuple[Recording, ...]:
    path = FOLDER / name
    return formats.read(path.read_bytes(), "a", str(path))


@pytest.mark.parametrize(("name", "expected"), READ.items(), ids=READ)
def test_a_capture_is_read_with_all_that_is_in_it(name: str, expected: tuple[int, int]) -> None:
    [turn] = read(name)
    assert (len(turn.events), len(turn.entries)) == expected


@pytest.mark.parametrize("name", READ)
def test_a_capture_survives_the_native_format(name: str) -> None:
    turns = read(name)
    again = jsonl.read(jsonl.write(turns).encode(), "a", "a.jsonl")

    def flat(turn: Recording) -> list[tuple[float | None, str | None, str]]:
        return [
            (entry.gap, None, entry.text)
            if isinstance(entry, Verbatim)
            else (entry.gap, entry.frame, " ".join(entry.event.text.split("\n")))
            for entry in turn.entries
        ]

    assert [flat(turn) for turn in again] == [flat(turn) for turn in turns]


@pytest.mark.parametrize("name", ["array-pretty.json", "array-one-event-a-line.json"])
def test_the_text_of_an_event_in_an_array_is_that_of_the_file(name: str) -> None:
    data = (FOLDER / name).read_text()
    end = 1
    for timed in read(name)[0].events:
        start = data.index(timed.event.text, end)
        assert data[end:start].strip() in ("", ",")
        end = start + len(timed.event.text)
    assert data[end:].strip() == "]"


@pytest.mark.parametrize(("name", "what"), REFUSED.items(), ids=REFUSED)
def test_what_is_no_recording_is_refused_by_its_real_name(name: str, what: str) -> None:
    with pytest.raises(NotARecording) as refused:
        read(name)
    assert refused.value.cause == f"{what}: no event of the Responses API in it"


def test_what_only_looks_like_a_recording_is_passed_over_or_refused_in_a_folder() -> None:
    store = Store([FOLDER])
    assert sorted(store.names) == sorted([*(name.rpartition(".")[0] for name in READ), "two-turn-loop"])
    assert {Path(refusal.error.path).name for refusal in store.refused} == set(REFUSED) - {
        "markdown-page-with-a-stream.md"
    }
    assert "markdown-page-with-a-stream.md" in {Path(one.path).name for one in store.passed_over}


@pytest.mark.parametrize("name", ["curl-i-with-head.sse", "curl-v.txt"])
def test_the_head_that_curl_printed_is_that_of_the_recording(name: str) -> None:
    [turn] = read(name)
    assert turn.header.headers["x-request-id"].startswith("req_fog")
    assert all(isinstance(entry, TimedEvent) for entry in turn.entries)


def test_a_har_and_a_browser_table_have_their_times() -> None:
    [har], [table] = read("capture.har"), read("devtools-eventstream.tsv")
    assert [timed.gap for timed in har.events] == [0.3, *[0.03] * 9]
    assert [timed.gap for timed in table.events] == [None, *[0.03] * 9]
    assert har.header.request["model"] == "gpt-5.2"


@pytest.mark.parametrize(
    ("name", "code", "place"),
    [
        ("minus-infinity-logprob.jsonl", "RS005", "6:219"),
        ("bare-json-error-line.sse", "RS001", "19:1"),
        ("text-error-frame.sse", "RS001", "19:7"),
        ("html-frame.sse", "RS001", "19:7"),
        ("event-cut-and-error-spliced.sse", "RS001", "35:264"),
    ],
)
def test_check_says_what_is_wrong_with_its_place(name: str, code: str, place: str) -> None:
    report = check_file(FOLDER / name, named=True)
    assert report is not None
    assert (code, f"{FOLDER / name}:{place}") in {(one.finding.code, one.place) for one in report.findings}


def test_a_damaged_line_of_json_lines_is_still_refused() -> None:
    with pytest.raises(RecordingError):
        formats.read(b'{"type":"response.created"}\n{"type":"response.in_progress"},{\n', "a", "a.jsonl")


# Body: its status, and what the service says.
REQUESTS = {
    "request-call-without-output.json": (400, "input", "No tool output found for function call call_tide."),
    "request-output-without-call.json": (400, "input", "No tool call found for function call output with "),
    "request-duplicate-item.json": (400, "input", "Duplicate item found with id msg_a."),
    "request-reasoning-id-not-stored.json": (404, "input", "Item with id 'rs_gone' not found. Items are not"),
}


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    """The URL of ``respool serve`` with one recording, open to the pages and paths that the cases need."""
    cors = "app://obsidian.md vscode-webview:// chrome-extension:// tauri://localhost null https://app.test"
    options = [
        "--speed",
        "instant",
        "--base-path",
        "/",
        "--base-path",
        "/api",
        "--base-path",
        "/backend-api/codex",
    ]
    options += [word for origin in cors.split() for word in ("--cors", origin)]
    hello = Path(__file__).parents[1] / "fixtures/text/hello.jsonl"
    with respool([hello], options) as server:
        yield f"http://127.0.0.1:{server.port}"


@pytest.mark.parametrize(("name", "expected"), REQUESTS.items(), ids=REQUESTS)
def test_a_broken_history_is_refused(name: str, expected: tuple[int, str, str], served: str) -> None:
    answer = httpx2.post(f"{served}/v1/responses", content=(FOLDER / name).read_bytes())
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == expected[:2]
    assert error["message"].startswith(expected[2])


def script(name: str, *arguments: str) -> list[str]:
    """What a case's commands print."""
    if shutil.which("curl") is None:
        pytest.skip("no curl")
    command = ["bash", str(FOLDER / name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60).stdout.splitlines()


def test_pages_of_other_origins_are_let_in_by_option(served: str) -> None:
    lines = script("browser-origins.sh", served)
    assert [line.split()[-1] for line in lines] == ["200"] * 7


def test_a_fault_happens_to_polls_and_resumed_streams(served: str) -> None:
    poll, unknown, resumed = script("fault-on-poll-and-resume.sh", served, "hello")
    assert poll.endswith(": 503")
    assert unknown.endswith(": 400")
    numbers = [int(one) for one in re.findall("[0-9]+", resumed)]
    assert numbers[0] == 3
    assert len(numbers) == numbers[-1] - numbers[0], "one of them is lost"


def test_an_offer_of_http_2_is_answered(served: str) -> None:
    [line] = script("h2c-upgrade.sh", f"{served}/r/hello/v1")
    assert line.startswith('{"id":"resp_')


def test_paths_that_clients_have_built_in_are_answered(served: str) -> None:
    lines = script("paths-of-other-clients.sh", served)
    assert [line.split()[-1] for line in lines] == ["200", "200", "200", "404"]


def test_all_that_says_how_long_to_wait_says_the_same(served: str) -> None:
    told = "\n".join(script("rate-limit-wait.sh", f"{served}/r/hello/v1")).lower()
    assert "retry-after: 20\n" in told
    assert "retry-after-ms: 20000\n" in told
    assert set(re.findall(r"reset[a-z-]*: (\S+)", told)) == {"20s"}
    assert "try again in 20s" in told


def test_a_folder_with_only_a_har_is_no_empty_folder() -> None:
    lines = script("folder-without-recordings.sh", str(Path(sys.executable).with_name("respool")))
    assert "check: exit code 0" in lines, "a HAR is read"
    assert any("capture" in line for line in lines)
