"""Files on which an earlier version fell short, if the folder lies beside the repository."""

from pathlib import Path

import pytest

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
