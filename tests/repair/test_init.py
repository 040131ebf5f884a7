import json
import math
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai import OpenAI

from respool.check.checker import check
from respool.check.findings import Level
from respool.errors import RecordingError
from respool.play.pace import Pace
from respool.protocol.events import Event
from respool.protocol.snapshot import fold
from respool.recordings import formats
from respool.recordings.formats import jsonl
from respool.recordings.recording import Recording
from respool.repair import Options, Repaired, ResponseEnd, repair
from respool.server.request import PLAY_HEADER
from respool.testing import running_server

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "fixtures"
SCRIPTS = FIXTURES / "scripts"
PUBLISHED = ROOT.parent / "shared" / "recordings"  # real ones; not in the repository
SEED = ROOT / "tests/data/seed/000_e5dbce17ebd499f1.txt"

DROP_ALL = frozenset({"--drop-duplicates", "--drop-after-end"})
# Published recordings from which events were left out.
SHORTENED = ("openai-phase.1.chunks.txt",)

HEADER = '{"respool": 1}'

JSON = dict[str, Any]
Lines = list[str]


def lines_of(path: Path) -> Lines:
    """The lines of a recording; a script's are those of what it says."""
    data = path.read_bytes()
    turns = formats.read(data, path.stem, str(path))
    return jsonl.write(turns).splitlines() if path.suffix == ".yaml" else data.decode().split("\n")[:-1]


# Scripts whose events our recordings do not have.
WRITTEN = ("every_tool", "background")

FILES = {
    path.relative_to(FIXTURES).as_posix(): lines_of(path)
    for path in [*sorted(FIXTURES.rglob("*.jsonl")), *(SCRIPTS / f"{name}.script.yaml" for name in WRITTEN)]
}
STREAMS = {name: lines for name, lines in FILES.items() if '"response.created"' in "".join(lines)}
HELLO = STREAMS["text/hello.jsonl"]

each_file = pytest.mark.parametrize("name", FILES)
each_stream = pytest.mark.parametrize("name", STREAMS)


def mend(lines: Lines, **options: Any) -> Repaired:
    return repair("".join(f"{line}\n" for line in lines).encode(), "a.jsonl", Options(**options))


def turns_of(repaired: Repaired) -> tuple[Recording, ...]:
    return formats.read(repaired.data, "a", "a.jsonl")


def turn_of(repaired: Repaired) -> Recording:
    (turn,) = turns_of(repaired)
    return turn


def texts_of(turns: tuple[Recording, ...] | Recording) -> list[str]:
    each = turns if isinstance(turns, tuple) else (turns,)
    return [timed.event.text for turn in each for timed in turn.events]


def data_of(turn: Recording) -> list[JSON]:
    return [timed.event.data for timed in turn.events]


def types_of(turn: Recording) -> list[str]:
    return [timed.event.type.removeprefix("response.") for timed in turn.events]


def event(type: str, number: int | None = None, **fields: Any) -> str:
    numbered = {} if number is None else {"sequence_number": number}
    return json.dumps({"type": type, **numbered, **fields})


def errors_of(turn: Recording) -> list[str]:
    findings = check(timed.event for timed in turn.events)
    return [finding.message for finding in findings if finding.level is Level.ERROR]


def assert_legal(repaired: Repaired) -> None:
    assert [errors_of(turn) for turn in turns_of(repaired)] == [[] for _ in turns_of(repaired)]


def assert_kept(lines: Lines, repaired: Repaired, *, renumbered: bool = False) -> None:
    """All sound events of these lines are there, byte for byte and in their order, with their gaps."""
    source = "".join(f"{line}\n" for line in lines).encode()
    before = formats.read(source, "a", "a.jsonl", lambda damage: None)
    after = iter(
        [_kept(timed.gap, timed.event, renumbered) for turn in turns_of(repaired) for timed in turn.events]
    )
    for turn in before:
        for timed in turn.events:
            kept = _kept(timed.gap, timed.event, renumbered)
            assert kept in after, timed.event.text


def _kept(gap: float | None, event: Event, renumbered: bool) -> object:
    if not renumbered:
        return gap, event.text
    return gap, [(name, value) for name, value in event.data.items() if name != "sequence_number"]


def assert_settled(repaired: Repaired) -> None:
    """To repair it again changes nothing."""
    assert repair(repaired.data, "a.jsonl") == Repaired(repaired.data, ())


def published() -> Iterator[Any]:
    for path in sorted(path for path in PUBLISHED.rglob("*") if path.is_file() and path.suffix != ".json"):
        data = path.read_bytes()
        if formats.sniff(data):
            turns = formats.read(data, path.stem, str(path))
            if not any(map(errors_of, turns)) and path.name not in SHORTENED:
                yield pytest.param(data, id=path.name)


@each_file
def test_a_sound_recording_is_left_as_it_is(name: str) -> None:
    data = "".join(f"{line}\n" for line in FILES[name]).encode()
    assert repair(data, "a.jsonl") == Repaired(data, ())


def test_a_recording_that_was_shortened_is_left_as_it_is_where_it_cannot_be_whole() -> None:
    later = [line.replace('"sequence_number":', '"sequence_number":1') for line in HELLO[12:]]
    shortened = [*HELLO[:12], *later]
    assert mend(shortened).done == ()
    assert mend(shortened, renumber=True).done == ("events 11 to 62 renumbered",)


@pytest.mark.parametrize("data", [*published()])
def test_a_published_recording_that_is_sound_is_left_as_it_is(data: bytes) -> None:
    repaired = repair(data, "a.jsonl")
    assert repaired.done == ()
    assert texts_of(turns_of(repaired)) == texts_of(formats.read(data, "a", "a"))


@each_stream
def test_a_recording_cut_after_any_event_becomes_legal(name: str) -> None:
    lines = STREAMS[name]
    for count in range(2 if lines[0].startswith('{"respool"') else 1, len(lines)):
        repaired = mend(lines[:count])
        assert_legal(repaired)
        assert_kept(lines[:count], repaired)
    assert_settled(repaired)


# What cannot be known of one lost event: all else of it is made as it was.
UNKNOWN = {
    ("delta", "obfuscation"),  # chance
    ("completed", "response"),  # its usage
    ("incomplete", "response"),
    # What was known of an item when it was added.
    ("web_search_call", "action"),
    ("reasoning", "encrypted_content"),
    ("compaction", "encrypted_content"),
    ("program", "fingerprint"),
    ("code_interpreter_call", "outputs"),
}

# Events that nothing else tells of.
IRREPLACEABLE = (
    '"type":"error"',
    '"response.image_generation_call.partial_image"',
    '"response.shell_call_output_content.delta"',
    '"response.compaction.compacting"',
)


@each_stream
def test_a_recording_without_any_one_event_becomes_what_it_was(name: str) -> None:
    lines = STREAMS[name]
    whole = [json.loads(text) for text in texts_of(turns_of(mend(lines)))]
    for at, lost in enumerate(lines):
        rest = lines[:at] + lines[at + 1 :]
        if any(kind in lost[:400] for kind in IRREPLACEABLE):
            with pytest.raises(RecordingError, match=r"an event is missing .* --renumber gives"):
                mend(rest)
            repaired = mend(rest, renumber=True)
            assert_kept(rest, repaired, renumbered=True)
        else:
            repaired = mend(rest)
            assert_kept(rest, repaired)
            # After an error nothing need come.
            if '"type":"response.failed"' not in lost:
                assert differences(whole, turns_of(repaired)) <= UNKNOWN, lost
        assert_legal(repaired)


def differences(whole: list[JSON], turns: tuple[Recording, ...]) -> set[tuple[str, str]]:
    """The fields in which events differ, each with the end of the event's type; or those of an item that
    is added, with its type."""
    again = [json.loads(text) for text in texts_of(turns)]
    assert [made["type"] for made in again] == [event["type"] for event in whole]
    found = set()
    for event, made in zip(whole, again, strict=True):
        name = event["type"].rpartition(".")[2]
        if name == "added" and event["type"] == "response.output_item.added" and event != made:
            name, event, made = event["item"]["type"], event["item"], made["item"]
        found |= {(name, field) for field in {**event, **made} if event.get(field) != made.get(field)}
    return found


SMALL = sorted(name for name, lines in STREAMS.items() if len(lines) < 50)


@settings(max_examples=10 * settings.default.max_examples, deadline=None)  # at large: 10,000
@given(st.sampled_from(SMALL), st.data())
def test_whatever_is_lost_what_is_left_is_kept_or_nothing_is_written(name: str, data: st.DataObject) -> None:
    lines = STREAMS[name]
    number = st.integers(0, len(lines) - 1)
    lost = data.draw(st.sets(number, max_size=8))
    damaged = data.draw(st.sets(number, max_size=2))
    end = data.draw(st.integers(1, len(lines)))
    rest = [
        line[: len(line) // 2] if at in damaged else line
        for at, line in enumerate(lines[:end])
        if at not in lost
    ]
    with suppress(RecordingError):
        repaired = mend(rest, renumber=True)
        assert_legal(repaired)
        assert_kept(rest, repaired, renumbered=True)
        assert_settled(repaired)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenAI]:
    """A client of a server that plays repaired recordings."""
    folder = tmp_path_factory.mktemp("repaired")
    for name, lines in REPAIRED.items():
        (folder / f"{name}.jsonl").write_bytes(mend(lines).data)
    (folder / "seed.jsonl").write_bytes(repair(SEED.read_bytes(), str(SEED)).data)
    with (
        running_server(folder, pace=Pace(speed=math.inf)) as running,
        OpenAI(base_url=running.base_url, api_key="any", max_retries=0) as client,
    ):
        yield client


REPAIRED = {
    "cut-in-text": HELLO[:20],
    "cut-in-summary": STREAMS["reasoning/summary.jsonl"][:30],
    "cut-in-arguments": STREAMS["tools/parallel_calls.jsonl"][:8],
    "cut-in-search": STREAMS["tools/web_search.jsonl"][:6],
    "without-created": [HELLO[0], *HELLO[2:]],
    "without-deltas": [line for line in HELLO if "output_text.delta" not in line],
    "without-item": [line for line in HELLO if "output_item" not in line],
    "without-end": HELLO[:-1],
}


@pytest.mark.parametrize("name", [*REPAIRED, "seed"])
def test_the_sdk_reads_a_repaired_stream_to_its_end(client: OpenAI, name: str) -> None:
    with client.responses.stream(model="any", input="any", extra_headers={PLAY_HEADER: name}) as stream:
        events = [*stream]
    assert events[-1].type in ("response.completed", "response.incomplete")


def test_the_seed_s_image_is_closed_without_being_guessed_at() -> None:
    repaired = repair(SEED.read_bytes(), "seed.txt")
    assert repaired.done[0].startswith("line 8 left out: expected the end of the line, but it goes on with")
    image = "image_generation_call ig_008a399cbc9774ef0068c972325494819db87f863549805ea2"
    assert repaired.done[1:] == (
        "event 7 made: response.output_item.done",
        "event 8 made: response.incomplete, its usage estimated",
        f"the response is made to end as incomplete: {image} is cut off",
    )
    turn = turn_of(repaired)
    assert texts_of(turn)[:7] == SEED.read_text().split("\n")[:7]
    assert data_of(turn)[7]["item"]["status"] == "failed"


# What a repair tells.


def test_the_header_tells_what_was_made_and_keeps_its_other_fields() -> None:
    lines = ['{"respool": 1, "request": {"model": "m"}, "note": "mine", "more": [1]}', *HELLO[1:-3]]
    header = turn_of(mend(lines)).header.fields
    assert header == {
        "respool": 1,
        "request": {"model": "m"},
        "note": "mine; repaired: 3 events made",
        "more": [1],
        "repaired": [
            {"event": 60, "made": "response.content_part.done"},
            {"event": 61, "made": "response.output_item.done"},
            {"event": 62, "made": "response.completed", "estimated": ["usage"]},
        ],
    }


def test_a_damaged_line_is_left_out_and_listed_and_what_it_was_is_made_anew() -> None:
    damaged = [*HELLO[:9], HELLO[9][:-1], *HELLO[10:]]
    repaired = mend(damaged)
    header = turn_of(repaired).header
    first, second = header.fields["repaired"]
    assert (first["line"], second) == (10, {"event": 8, "made": "response.output_text.delta"})
    assert header.note.endswith("; repaired: 1 event made, 1 line left out")
    assert repaired.done[1] == "event 8 made: response.output_text.delta"


def test_a_damaged_line_that_was_no_event_is_only_left_out() -> None:
    repaired = mend([*HELLO[:9], "garbage", *HELLO[9:]])
    assert texts_of(turn_of(repaired)) == texts_of(turn_of(mend(HELLO)))
    assert turn_of(repaired).header.fields["repaired"] == [
        {"line": 10, "dropped": "not JSON: expecting value"}
    ]


def test_a_later_repair_is_added_to_the_list() -> None:
    first = mend([*HELLO[:20], *HELLO[21:]]).data.decode().split("\n")[:-1]
    header = turn_of(mend([*first[:10], *first[11:]])).header
    assert header.fields["repaired"] == [
        {"event": 19, "made": "response.output_text.delta"},
        {"event": 9, "made": "response.output_text.delta"},
    ]
    assert header.note.endswith("; repaired: 1 event made; repaired: 1 event made")


# How a response that was cut is made to end.


def short(*more: str, **response: Any) -> Lines:
    """A numbered stream that has begun: three events, and those with the numbers that follow."""
    given = {"id": "resp_1", "object": "response", "created_at": 1000, "status": "in_progress", "output": []}
    known = {
        **given,
        "usage": None,
        "error": None,
        "incomplete_details": None,
        "completed_at": None,
        **response,
    }
    return [
        event("response.created", 0, response=known),
        event("response.in_progress", 1, response=known),
        *more,
    ]


MESSAGE = {"id": "msg_1", "type": "message", "status": "in_progress", "role": "assistant", "content": []}
PART = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
IN_MESSAGE: JSON = {"output_index": 0, "item_id": "msg_1", "content_index": 0}
CALL = {"id": "fc_1", "type": "function_call", "status": "in_progress", "call_id": "call_1", "name": "f"}
IN_CALL: JSON = {"output_index": 0, "item_id": "fc_1"}

CUT_IN_TEXT = short(
    event("response.output_item.added", 2, output_index=0, item=MESSAGE),
    event("response.content_part.added", 3, **IN_MESSAGE, part=PART),
    event("response.output_text.delta", 4, **IN_MESSAGE, delta="Hello", logprobs=[]),
)
CUT_AFTER_TEXT = [
    *CUT_IN_TEXT,
    event("response.output_text.done", 5, **IN_MESSAGE, text="Hello", logprobs=[]),
]
CUT_IN_CALL = short(
    event("response.output_item.added", 2, output_index=0, item={**CALL, "arguments": ""}),
    event("response.function_call_arguments.delta", 3, **IN_CALL, delta='{"a"'),
)


@pytest.mark.parametrize(
    ("lines", "ending", "types", "status"),
    [
        (CUT_IN_TEXT, None, "output_text.done content_part.done output_item.done incomplete", "incomplete"),
        (
            CUT_IN_TEXT,
            "completed",
            "output_text.done content_part.done output_item.done completed",
            "completed",
        ),
        (CUT_IN_TEXT, "failed", "output_text.done content_part.done output_item.done failed", "incomplete"),
        (CUT_AFTER_TEXT, None, "content_part.done output_item.done completed", "completed"),
        (CUT_AFTER_TEXT, "incomplete", "content_part.done output_item.done incomplete", "completed"),
        (CUT_IN_CALL, None, "function_call_arguments.done output_item.done incomplete", "incomplete"),
    ],
)
def test_parts_items_and_response_are_closed(
    lines: Lines, ending: str | None, types: str, status: str
) -> None:
    turn = turn_of(mend(lines, ending=ending and ResponseEnd(ending)))
    assert types_of(turn)[len(lines) :] == types.split()
    *_, item_done, end = data_of(turn)
    assert item_done["item"]["status"] == status
    assert end["response"]["output"] == ([] if ending == "failed" else [item_done["item"]])
    assert end["response"]["status"] == types.split()[-1]


def test_a_completed_response_has_an_estimated_usage_and_its_moment() -> None:
    lines = [f"[1.5, {line}]" for line in CUT_AFTER_TEXT]
    header = '{"respool": 1, "request": {"input": "Say hello to them."}}'
    turn = turn_of(mend([header, *lines]))
    response = data_of(turn)[-1]["response"]
    assert response["completed_at"] == 1009
    assert response["usage"] == {
        "input_tokens": 5,
        "input_tokens_details": {"cache_write_tokens": 0, "cached_tokens": 0},
        "output_tokens": 2,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 7,
    }
    assert [timed.gap for timed in turn.events] == [1.5] * 6 + [0.0] * 3


def test_an_incomplete_response_says_why() -> None:
    response = data_of(turn_of(mend(CUT_IN_TEXT)))[-1]["response"]
    assert response["incomplete_details"] == {"reason": "max_output_tokens"}
    assert response["usage"]["output_tokens"] == 2
    assert response["completed_at"] is None


def test_a_failed_response_says_why_and_has_neither_output_nor_usage() -> None:
    response = data_of(turn_of(mend(CUT_IN_TEXT, ending=ResponseEnd.FAILED)))[-1]["response"]
    assert response["error"] == {"code": "server_error", "message": "The stream was cut off."}
    assert (response["output"], response["usage"]) == ([], None)


@pytest.mark.parametrize(
    ("lines", "options", "note"),
    [
        (short(), {}, "incomplete: nothing has come"),
        (CUT_IN_TEXT, {}, "incomplete: message msg_1 is cut off"),
        (CUT_IN_TEXT, {"ending": ResponseEnd.FAILED}, "failed"),
        (CUT_AFTER_TEXT, {}, "completed"),
        (STREAMS["text/incomplete.jsonl"][:-1], {}, "incomplete: message msg_"),
        (STREAMS["images/echidna.jsonl"][:8], {}, "incomplete: image_generation_call ig_"),
        (STREAMS["images/echidna.jsonl"][:11], {}, "completed"),
        (STREAMS["reasoning/summary.jsonl"][:4], {}, "incomplete: reasoning rs_"),
    ],
)
def test_it_says_how_the_response_ends_and_why(lines: Lines, options: JSON, note: str) -> None:
    assert mend(lines, **options).done[-1].startswith(f"the response is made to end as {note}")


def test_the_end_is_told_only_where_there_was_none() -> None:
    assert not any("is made to end" in words for words in mend([*HELLO[:9], *HELLO[10:]]).done)


@pytest.mark.parametrize(
    ("item", "closed"),
    [
        ({"type": "mcp_approval_request", "name": "f", "server_label": "s", "arguments": "{}"}, True),
        ({"type": "web_search_call", "status": "in_progress"}, False),
        ({"type": "mcp_list_tools", "server_label": "s", "tools": []}, False),
        ({"type": "local_shell_call", "status": "in_progress", "call_id": "c", "action": {}}, False),
        ({"type": "apply_patch_call", "status": "in_progress", "call_id": "c", "operation": {}}, False),
        ({"type": "vendor:thing", "status": "in_progress"}, False),
    ],
)
def test_an_item_of_any_type_is_closed(item: JSON, closed: bool) -> None:
    added = event("response.output_item.added", 2, output_index=0, item={"id": "x_1", **item})
    repaired = mend(short(added))
    assert types_of(turn_of(repaired))[-2:] == ["output_item.done", "completed" if closed else "incomplete"]
    assert_legal(repaired)


def test_a_tool_says_nothing_more_of_a_call_that_was_cut_off() -> None:
    cut = mend(STREAMS["tools/web_search.jsonl"][:5])
    assert types_of(turn_of(cut))[-3:] == ["web_search_call.in_progress", "output_item.done", "incomplete"]


# Several losses, and their numbers.


def numbers_of(turn: Recording) -> list[int | None]:
    return [timed.event.sequence_number for timed in turn.events]


def test_lost_deltas_are_made_as_many_as_there_were() -> None:
    rest = [*HELLO[:20], *HELLO[27:]]
    turn = turn_of(mend(rest))
    assert numbers_of(turn) == list(range(63))
    lost = "".join(json.loads(line.partition(", ")[2][:-1])["delta"] for line in HELLO[20:27])
    made = [data["delta"] for data in data_of(turn)[19:26]]
    assert "".join(made) == lost
    assert all((len(data["delta"]) + len(data["obfuscation"])) % 16 == 0 for data in data_of(turn)[19:26])


def test_a_text_that_has_lost_all_its_deltas_has_one_for_each_number() -> None:
    rest = [line for line in HELLO if "output_text.delta" not in line]
    assert differences([json.loads(t) for t in texts_of(turns_of(mend(HELLO)))], turns_of(mend(rest))) == {
        ("delta", "delta"),
        ("delta", "obfuscation"),
    }


def test_an_item_that_has_lost_all_its_events_is_made_from_the_final_response() -> None:
    lines = STREAMS["reasoning/summary.jsonl"]
    rest = [line for line in lines if '"output_index":0' not in line]
    repaired = mend(rest)
    assert_legal(repaired)
    assert numbers_of(turn_of(repaired)) == list(range(len(lines) - 1))
    assert (
        fold(timed.event for timed in turn_of(repaired).events[:-1])["output"][0]
        == json.loads(lines[-1].partition(", ")[2][:-1])["response"]["output"][0]
    )


def test_made_events_have_keys_in_the_order_of_their_like() -> None:
    lines = [
        event("response.created", 0, response={"id": "r"}),
        event("response.in_progress", 1, response={"id": "r"}),
    ]
    end = json.loads(texts_of(turn_of(mend(lines)))[-1])
    assert list(end) == ["type", "sequence_number", "response"]


def test_without_renumber_what_does_not_fit_is_refused_and_the_option_is_named() -> None:
    gap = [*CUT_IN_TEXT, event("response.output_text.delta", 7, **IN_MESSAGE, delta="!", logprobs=[])]
    with pytest.raises(RecordingError) as refused:
        mend(gap)
    assert str(refused.value) == (
        "a.jsonl:6: 2 events are missing before response.output_text.delta of which nothing is known; "
        "--renumber gives the events new numbers"
    )


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        (
            [short()[0], event("response.output_item.added", 1, output_index=0, item=MESSAGE)],
            "events to be made before response.output_item.added: 1, but sequence numbers missing there: 0",
        ),
        (
            [*short(), event("response.output_item.added", output_index=0, item=MESSAGE)],
            "response.output_item.added has no sequence_number, but others have",
        ),
        (
            [short()[0], event("response.in_progress", 0, response=json.loads(short()[1])["response"])],
            "the sequence_number of response.in_progress is 0, expected 1",
        ),
    ],
)
def test_each_reason_to_renumber_is_in_the_error(lines: Lines, cause: str) -> None:
    with pytest.raises(RecordingError) as refused:
        mend(lines)
    assert refused.value.cause == f"{cause}; --renumber gives the events new numbers"
    repaired = mend(lines, renumber=True)
    assert_legal(repaired)
    assert numbers_of(turn_of(repaired)) == list(range(len(turn_of(repaired).events)))


def test_renumber_changes_the_digits_and_nothing_else() -> None:
    before = r'{ "delta":"\"sequence_number\": 7,\u0041", "a":{"sequence_number":{"b":7}}, '
    before += '"type" :"response.output_text.delta", '
    after = ' ,"output_index":0,"item_id":"msg_1","content_index":0 , "logprobs":[]}'
    repaired = mend([*CUT_IN_TEXT, f'{before}"sequence_number" : 7{after}'], renumber=True)
    assert texts_of(turn_of(repaired))[5] == f'{before}"sequence_number" : 5{after}'
    assert turn_of(repaired).header.fields["repaired"][0] == {"event": 5, "until": 5, "renumbered": -2}
    assert repaired.done[0] == "event 5 renumbered"


def test_renumbered_events_are_listed_in_runs() -> None:
    lines = STREAMS["images/echidna.jsonl"]
    repaired = mend([*lines[:8], *lines[9:]], renumber=True)
    assert turn_of(repaired).header.fields["repaired"] == [{"event": 7, "until": 14, "renumbered": -1}]
    assert repaired.done == ("events 7 to 14 renumbered",)


# Where made events come.


def approval(number: int, index: int) -> tuple[str, str, JSON]:
    """An item without events of its own: added, done, and what it holds."""
    item = {"id": f"mcpr_{index}", "type": "mcp_approval_request", "name": "f", "arguments": "{}"}
    return (
        event("response.output_item.added", number, output_index=index, item=item),
        event("response.output_item.done", number + 1, output_index=index, item=item),
        item,
    )


def completed(number: int, *output: JSON) -> str:
    known = json.loads(short()[0])["response"]
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    response = {**known, "status": "completed", "output": [*output], "usage": usage}
    return event("response.completed", number, response=response)


def test_what_opens_an_item_comes_just_before_it_though_something_was_lost_earlier() -> None:
    lines = STREAMS["images/echidna.jsonl"]
    rest = [line for line in lines if "partial_image" not in line and '"item":{"id":"msg_' not in line[:110]]
    assert len(rest) == len(lines) - 3
    whole = types_of(turn_of(mend(lines)))
    assert types_of(turn_of(mend(rest, renumber=True))) == [
        name for name in whole if "partial_image" not in name
    ]


def test_a_lost_item_comes_between_its_neighbours_though_something_was_lost_earlier() -> None:
    first, second, third = approval(3, 0), approval(5, 1), approval(7, 2)
    items = [item for *_, item in (first, second, third)]
    turn = turn_of(mend([*short(), *first[:2], *third[:2], completed(9, *items)], renumber=True))
    assert [data["output_index"] for data in data_of(turn)[2:-1]] == [0, 0, 1, 1, 2, 2]


def test_items_that_were_open_at_a_time_are_closed_each_at_its_own_place() -> None:
    (first, _, item), (second, _, other) = approval(2, 0), approval(3, 1)
    lines = [*short(), first, second, event("keepalive", 5), event("keepalive", 7), completed(8, item, other)]
    turn = turn_of(mend(lines))
    assert (
        types_of(turn)[3:]
        == "output_item.added output_item.done keepalive output_item.done keepalive completed".split()
    )
    assert [data.get("output_index") for data in data_of(turn)][4:7] == [0, None, 1]


def test_a_part_that_goes_on_is_not_closed_when_the_next_one_begins() -> None:
    second = {**IN_MESSAGE, "content_index": 1}
    lines = [
        *CUT_IN_TEXT,
        event("response.output_text.delta", 6, **second, delta="A", logprobs=[]),
        event("response.output_text.delta", 7, **IN_MESSAGE, delta="!", logprobs=[]),
    ]
    turn = turn_of(mend(lines))
    assert (
        types_of(turn)[4:8]
        == "output_text.delta content_part.added output_text.delta output_text.delta".split()
    )
    assert [part["text"] for part in data_of(turn)[-1]["response"]["output"][0]["content"]] == ["Hello!", "A"]


def in_text(*deltas: tuple[int, str], done: int, text: str) -> Lines:
    return [
        *CUT_IN_TEXT[:4],
        *(
            event("response.output_text.delta", at, **IN_MESSAGE, delta=delta, logprobs=[])
            for at, delta in deltas
        ),
        event("response.output_text.done", done, **IN_MESSAGE, text=text, logprobs=[]),
    ]


@pytest.mark.parametrize(
    ("lines", "deltas", "made"),
    [
        pytest.param(
            in_text((4, "a"), (8, "a"), (10, "!"), done=11, text="a a a?!"),
            ["a", " ", "a", " ", "a", "?", "!"],
            [5, 6, 7, 9],
            id="as many characters as events",
        ),
        pytest.param(
            in_text((4, "a"), (7, "a"), done=8, text="aaa"),
            ["a", "a", "a"],
            [5],
            id="fewer characters than events",
        ),
    ],
)
def test_a_lost_piece_of_text_comes_where_events_are_missing(
    lines: Lines, deltas: list[str], made: list[int]
) -> None:
    turn = turn_of(mend(lines, renumber=True))
    assert [data["delta"] for data in data_of(turn) if data["type"].endswith("text.delta")] == deltas
    fixes = turn.header.fields["repaired"]
    assert [fix["event"] for fix in fixes if fix.get("made", "").endswith("text.delta")] == made


@pytest.mark.parametrize("count", [1, 2])
def test_annotations_come_where_events_are_missing(count: int) -> None:
    lines = STREAMS["tools/web_search.jsonl"]
    whole = [json.loads(text) for text in texts_of(turns_of(mend(lines)))]
    annotations = [line for line in lines if "annotation.added" in line]
    rest = [line for line in lines if line not in annotations[:count]]
    assert differences(whole, turns_of(mend(rest))) == set()


def test_an_annotation_is_added_before_the_text_is_done_and_not_after_it() -> None:
    part = {**PART, "text": "Hello", "annotations": [{"type": "file_path", "file_id": "f", "index": 5}]}
    lines = [*CUT_IN_TEXT, event("response.content_part.done", 7, **IN_MESSAGE, part=part)]
    assert types_of(turn_of(mend(lines)))[5:8] == [
        "output_text.annotation.added",
        "output_text.done",
        "content_part.done",
    ]


def test_of_several_status_events_as_many_are_made_as_are_missing() -> None:
    item = {"id": "ws_1", "type": "web_search_call", "status": "in_progress"}
    lines = short(
        event("response.output_item.added", 2, output_index=0, item=item),
        event("response.web_search_call.in_progress", 3, output_index=0, item_id="ws_1"),
        event("response.output_item.done", 5, output_index=0, item={**item, "status": "completed"}),
    )
    assert types_of(turn_of(mend(lines)))[3:6] == [
        "web_search_call.in_progress",
        "web_search_call.searching",
        "output_item.done",
    ]


def test_a_call_that_has_failed_says_so() -> None:
    call = {
        "id": "mcp_1",
        "type": "mcp_call",
        "name": "f",
        "server_label": "s",
        "arguments": "{}",
        "error": "no",
    }
    lines = [*short(), event("response.output_item.done", 7, output_index=0, item=call), completed(8, call)]
    assert types_of(turn_of(mend(lines)))[2:-1] == [
        "output_item.added",
        "mcp_call.in_progress",
        "mcp_call_arguments.delta",
        "mcp_call_arguments.done",
        "mcp_call.failed",
        "output_item.done",
    ]


def test_logprobs_of_a_made_event_are_those_of_the_part_without_bytes() -> None:
    entry = {"token": "Hello", "logprob": -0.1, "top_logprobs": []}
    part = {**PART, "text": "Hello", "logprobs": [{**entry, "bytes": [72]}]}
    lines = [*CUT_IN_TEXT, event("response.content_part.done", 6, **IN_MESSAGE, part=part)]
    made = data_of(turn_of(mend(lines)))[5]
    assert (made["type"], made["logprobs"]) == ("response.output_text.done", [entry])


def test_what_the_deltas_of_a_stream_do_not_have_a_made_one_does_not_have_either() -> None:
    lines = [line.replace(', "logprobs": []', "") for line in in_text((4, "a"), (6, "c"), done=7, text="abc")]
    made = data_of(turn_of(mend(lines)))[5]
    assert list(made) == ["type", "sequence_number", *IN_MESSAGE, "delta"]


def test_obfuscation_is_empty_where_that_of_the_others_is() -> None:
    lines = [
        line.replace('"logprobs": []', '"logprobs": [], "obfuscation": ""') if '"delta"' in line else line
        for line in in_text((4, "a"), (6, "c"), done=7, text="abc")
    ]
    assert data_of(turn_of(mend(lines)))[5]["obfuscation"] == ""


def test_reasoning_that_is_followed_by_another_item_is_not_cut_off() -> None:
    reasoning = event(
        "response.output_item.added",
        2,
        output_index=0,
        item={"id": "rs_1", "type": "reasoning", "summary": []},
    )
    message = [line.replace('"output_index": 0', '"output_index": 1') for line in CUT_AFTER_TEXT[2:]]
    later = [
        json.dumps({**json.loads(line), "sequence_number": at}) for at, line in enumerate(message, start=4)
    ]
    assert mend([*short(), reasoning, *later]).done[-1] == "the response is made to end as completed"


# Numbers that are none, or others.


@pytest.mark.parametrize(
    "last",
    [
        pytest.param([event("keepalive", 6)], id="a keepalive counts"),
        pytest.param([event("error", error={"message": "x"})], id="an error may have no number"),
        pytest.param([event("codex.rate_limits", rate_limits={})], id="what is of the connection has none"),
        pytest.param([event("vendor:thing", x=1)], id="what nobody knows may have none"),
        pytest.param([event("vendor:thing", 6, x=1)], id="what nobody knows may have one"),
    ],
)
def test_events_that_need_no_number_are_kept_without(last: Lines) -> None:
    lines = [
        *CUT_IN_TEXT[:3],
        *CUT_IN_TEXT[4:],
        event("response.output_text.delta", 5, **IN_MESSAGE, delta="!", logprobs=[]),
        *last,
    ]
    repaired = mend(lines)
    assert_legal(repaired)
    assert_kept(lines, repaired)


def test_a_stream_may_begin_with_1() -> None:
    lines = [
        json.dumps({**json.loads(line), "sequence_number": at})
        for at, line in enumerate(CUT_IN_TEXT, start=1)
    ]
    for rest in (lines, lines[1:], [*lines[:3], *lines[4:]]):
        repaired = mend(rest)
        assert_kept(rest, repaired)
        assert numbers_of(turn_of(repaired)) == list(range(1, len(turn_of(repaired).events) + 1))


def test_a_resumed_stream_keeps_its_numbers() -> None:
    lines = [line.replace('"background":false', '"background":true') for line in HELLO[10:]]
    repaired = mend([*lines[:5], *lines[6:]])
    assert_kept([*lines[:5], *lines[6:]], repaired)
    assert numbers_of(turn_of(repaired)) == list(range(9, 63))


# Events that are too many.


@pytest.mark.parametrize(
    ("lines", "option", "reason"),
    [
        ([*HELLO[:9], *HELLO[5:]], "--drop-duplicates", "a duplicate of an earlier event"),
        (
            [*HELLO, event("response.output_text.delta", 63, delta="!")],
            "--drop-after-end",
            "after the end of the response",
        ),
    ],
)
def test_events_that_are_too_many_are_left_out_only_if_that_is_asked_for(
    lines: Lines, option: str, reason: str
) -> None:
    with pytest.raises(RecordingError, match=f"response.[a-z_.]+ is {reason}; {option} leaves it out"):
        mend(lines, drop=DROP_ALL - {option})
    repaired = mend(lines, drop=frozenset({option}))
    assert texts_of(turn_of(repaired)) == texts_of(turn_of(mend(HELLO)))
    fixes = turn_of(repaired).header.fields["repaired"]
    assert len(fixes) == len(lines) - len(HELLO)
    assert all(fix["dropped"].endswith(reason) for fix in fixes)


def test_what_llama_cpp_repeats_is_no_duplicate() -> None:
    response = {"id": "r", "object": "response", "status": "in_progress"}
    progress = event("response.in_progress", response=response)
    repaired = mend([event("response.created", response=response), progress, progress, progress])
    assert types_of(turn_of(repaired)) == ["created", *["in_progress"] * 3, "incomplete"]


def test_a_keepalive_after_the_end_is_kept() -> None:
    lines = [*HELLO[:20], *HELLO[21:], event("keepalive", 63)]
    assert_kept(lines, mend(lines))


def test_deltas_and_keepalives_without_numbers_may_repeat() -> None:
    unnumbered = [line.replace('"sequence_number"', '"n"') for line in CUT_IN_TEXT]
    repaired = mend([*unnumbered, unnumbered[-1], event("keepalive"), event("keepalive")])
    assert_legal(repaired)
    assert types_of(turn_of(repaired)).count("keepalive") == 2
    assert data_of(turn_of(repaired))[-1]["response"]["output"][0]["content"][0]["text"] == "HelloHello"


# Several responses in a file.


def test_each_turn_is_repaired_by_itself() -> None:
    lines = STREAMS["text/conversation.jsonl"]
    second = next(at for at, line in enumerate(lines) if line.startswith('{"respool"') and at)
    repaired = mend([*lines[: second - 1], *lines[second:-1]])
    first, last = turns_of(repaired)
    assert types_of(first)[-1] == types_of(last)[-1] == "completed"
    assert [words.partition(":")[0] for words in repaired.done] == ["turn 1"] * 2 + ["turn 2"] * 2
    assert_legal(repaired)


def test_a_turn_that_is_sound_has_the_same_lines() -> None:
    lines = STREAMS["text/conversation.jsonl"]
    second = next(at for at, line in enumerate(lines) if line.startswith('{"respool"') and at)
    repaired = mend(lines[:-1])
    assert repaired.data.decode().split("\n")[:second] == lines[:second]


def test_a_turn_begins_after_the_end_of_another_response_also_if_its_beginning_is_lost() -> None:
    bare = [
        line.partition(", ")[2][:-1] for line in STREAMS["text/conversation.jsonl"] if line.startswith("[")
    ]
    second = next(at for at, line in enumerate(bare) if "response.created" in line and at)
    repaired = mend([*bare[:second], *bare[second + 1 :]])
    first, last = turns_of(repaired)
    assert types_of(first) == types_of(turns_of(mend(bare))[0])
    assert types_of(last)[:2] == ["created", "in_progress"]
    assert_legal(repaired)


@pytest.mark.parametrize(("at", "turn"), [(3, 1), (-1, 2)])
def test_a_damage_is_listed_in_the_turn_that_it_is_in(at: int, turn: int) -> None:
    lines = list(STREAMS["text/conversation.jsonl"])
    lines[at] = lines[at][:-5]
    repaired = turns_of(mend(lines))
    listed = [[fix for fix in one.header.fields.get("repaired", []) if "dropped" in fix] for one in repaired]
    assert [len(fixes) for fixes in listed] == [int(turn == 1), int(turn == 2)]


def test_a_damage_after_the_end_of_a_turn_is_the_next_one_s() -> None:
    bare = [
        line.partition(", ")[2][:-1] for line in STREAMS["text/conversation.jsonl"] if line.startswith("[")
    ]
    second = next(at for at, line in enumerate(bare) if "response.created" in line and at)
    bare[second] = bare[second][:-9]
    first, last = turns_of(mend(bare))
    assert "repaired" not in first.header.fields
    assert [*last.header.fields["repaired"][0]] == ["line", "dropped"]


def test_an_http_answer_is_left_as_it_is() -> None:
    lines = [*FILES["errors/rate_limit.jsonl"], HEADER, *HELLO[1:-1]]
    plain, stream = turns_of(mend(lines))
    assert plain.header.fields == json.loads(lines[0])
    assert types_of(stream)[-1] == "completed"


# Other producers.


def unnumbered(lines: Lines) -> Lines:
    bare = (line.partition(", ")[2][:-1] for line in lines if line.startswith("["))
    events = (json.loads(line) for line in bare)
    return [
        json.dumps({name: value for name, value in one.items() if name != "sequence_number"})
        for one in events
    ]


@pytest.mark.parametrize("name", ["text/hello.jsonl", "tools/web_search.jsonl", "reasoning/summary.jsonl"])
def test_a_stream_without_numbers_is_cut_or_has_lost_an_event(name: str) -> None:
    lines = unnumbered(STREAMS[name])
    for at in range(1, len(lines)):
        cut = mend(lines[:at])
        assert_legal(cut)
        assert_kept(lines[:at], cut)
        rest = lines[:at] + lines[at + 1 :]
        repaired = mend(rest)
        assert_legal(repaired)
        assert_kept(rest, repaired)
    assert not any("sequence_number" in text for text in texts_of(turn_of(repaired)))


def test_without_numbers_a_lost_delta_is_put_where_it_fits() -> None:
    lines = unnumbered(HELLO)
    texts = [json.loads(text).get("delta") for text in texts_of(turn_of(mend([*lines[:20], *lines[21:]])))]
    assert texts == [json.loads(line).get("delta") for line in lines]


def test_without_numbers_an_event_is_made_where_a_line_is_damaged() -> None:
    lines = unnumbered(STREAMS["tools/web_search.jsonl"])
    at = next(at for at, line in enumerate(lines) if "web_search_call.searching" in line)
    repaired = mend([*lines[:at], lines[at][:30], *lines[at + 1 :]])
    assert texts_of(turn_of(repaired))[at] == lines[at].replace(": ", ":").replace(", ", ",")


def test_a_part_that_was_not_closed_is_closed_before_the_next_one_also_without_numbers() -> None:
    lines = [line.replace('"sequence_number"', '"n"') for line in CUT_IN_TEXT]
    second = event("response.content_part.added", **{**IN_MESSAGE, "content_index": 1}, part=PART)
    repaired = mend([*lines, second])
    assert (
        types_of(turn_of(repaired))[5:]
        == (
            "output_text.done content_part.done content_part.added output_text.done content_part.done "
            "output_item.done incomplete"
        ).split()
    )
    assert_legal(repaired)


def test_llama_cpp_gives_no_indexes_and_gets_none() -> None:
    lines = [
        event("response.created", response={"id": "r", "object": "response", "status": "in_progress"}),
        event("response.in_progress", response={"id": "r", "object": "response", "status": "in_progress"}),
        event(
            "response.output_item.added",
            item={"id": "rs_1", "type": "reasoning", "summary": [], "content": []},
        ),
        event("response.reasoning_text.delta", item_id="rs_1", delta="Hm"),
        event("response.output_item.added", item=MESSAGE),
        event("response.content_part.added", item_id="msg_1", part={"type": "output_text", "text": ""}),
        event("response.output_text.delta", item_id="msg_1", delta="Hel"),
        event("response.output_text.delta", item_id="msg_1", delta="lo"),
    ]
    for count in range(1, len(lines) + 1):
        repaired = mend(lines[:count])
        assert_legal(repaired)
        assert_kept(lines[:count], repaired)
    assert not any("_index" in text for text in texts_of(turn_of(repaired)))
    reasoning, message = data_of(turn_of(repaired))[-1]["response"]["output"]
    assert reasoning["content"] == [{"type": "reasoning_text", "text": "Hm"}]
    assert message["content"][0]["text"] == "Hello"


def test_items_without_index_are_known_by_the_id_that_they_have_in_the_end() -> None:
    begun = {"id": "r", "object": "response", "status": "in_progress"}
    reasoning = {"id": "rs_1", "type": "reasoning", "summary": []}
    message = {**MESSAGE, "status": "completed", "content": [{**PART, "text": "Hello"}]}
    lines = [
        event("response.created", response=begun),
        event("response.in_progress", response=begun),
        event("response.output_item.added", item=MESSAGE),
        event("response.content_part.added", item_id="msg_1", part={"type": "output_text", "text": ""}),
        event("response.output_text.delta", item_id="msg_1", delta="Hel"),
        event(
            "response.completed", response={**begun, "status": "completed", "output": [reasoning, message]}
        ),
    ]
    turn = turn_of(mend(lines))
    items = [data["item"]["id"] for data in data_of(turn) if "output_item" in data["type"]]
    assert sorted(items) == ["msg_1", "msg_1", "rs_1", "rs_1"]
    assert "".join(data.get("delta", "") for data in data_of(turn)) == "Hello"


def test_open_responses_calls_raw_reasoning_otherwise() -> None:
    reasoning = {"id": "rs_1", "type": "reasoning", "summary": [], "content": []}
    place = {"output_index": 0, "item_id": "rs_1", "content_index": 0}
    lines = short(
        event("response.output_item.added", 2, output_index=0, item=reasoning),
        event("response.content_part.added", 3, **place, part={"type": "reasoning_text", "text": ""}),
        event("response.reasoning.delta", 4, **place, delta="Hm"),
    )
    assert types_of(turn_of(mend(lines)))[5:7] == ["reasoning.done", "content_part.done"]


def test_a_failure_needs_no_in_progress() -> None:
    created, failed = short()[0], {"id": "resp_1", "status": "failed", "error": {"code": "c", "message": "m"}}
    lines = [created, event("error", 1, error={"message": "m"}), event("response.failed", 2, response=failed)]
    assert texts_of(turn_of(mend([*lines, "garbage"]))) == lines


def test_the_chatgpt_backend_has_no_final_output_and_its_items_are_closed_all_the_same() -> None:
    completed = json.loads(short()[0])["response"] | {"status": "completed"}
    rest = [*CUT_AFTER_TEXT, event("response.completed", 8, response=completed)]
    turn = turn_of(mend(rest))
    assert types_of(turn)[-3:] == ["content_part.done", "output_item.done", "completed"]
    assert data_of(turn)[-2]["item"] == {
        **MESSAGE,
        "status": "completed",
        "content": [{**PART, "text": "Hello"}],
    }
    assert texts_of(turn)[-1] == rest[-1]


def test_copilot_gives_another_id_in_each_event() -> None:
    lines = [
        event("response.created", 0, response={"id": "a", "status": "in_progress"}),
        event("response.in_progress", 1, response={"id": "b", "status": "in_progress"}),
        event("response.output_item.added", 2, output_index=0, item={**MESSAGE, "id": "c"}),
        event("response.content_part.added", 3, **{**IN_MESSAGE, "item_id": "d"}, part=PART),
        event("response.output_text.delta", 4, **{**IN_MESSAGE, "item_id": "e"}, delta="x", logprobs=[]),
        event("response.output_text.delta", 6, **{**IN_MESSAGE, "item_id": "f"}, delta="z", logprobs=[]),
        event("response.output_text.done", 7, **{**IN_MESSAGE, "item_id": "g"}, text="xyz", logprobs=[]),
    ]
    repaired = mend(lines)
    assert_kept(lines, repaired)
    assert [data.get("delta") for data in data_of(turn_of(repaired))][4:7] == ["x", "y", "z"]


def test_server_sent_events_become_a_native_recording() -> None:
    body = "".join(f"event: {json.loads(line)['type']}\ndata: {line}\n\n" for line in CUT_AFTER_TEXT)
    repaired = repair(body.encode(), "a.sse")
    assert types_of(turn_of(repaired))[-1] == "completed"
    sound = repair(f"data: {event('error', 0, error={'message': 'x'})}\n\n".encode(), "a.sse")
    assert sound.done == ()
    assert sound.data.decode() == event("error", 0, error={"message": "x"}) + "\n"


def test_a_resumed_stream_needs_no_beginning() -> None:
    lines = ['{"respool": 1}', *HELLO[10:]]
    background = [line.replace('"background":false', '"background":true') for line in lines]
    assert mend(background).done == ()


def test_a_stream_that_begins_with_in_progress_gets_the_beginning_that_this_repeats() -> None:
    queued = {"id": "r", "status": "queued", "background": True, "output": []}
    lines = [
        event("response.queued", 1, response=queued),
        event("response.in_progress", 2, response={**queued, "status": "in_progress"}),
        event("response.completed", 3, response={**queued, "status": "completed"}),
    ]
    turn = turn_of(mend(lines))
    assert data_of(turn)[0] == {"type": "response.created", "sequence_number": 0, "response": queued}
    assert texts_of(turn)[1:] == lines


# What cannot be repaired.


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        (CUT_IN_TEXT[2:], "cannot be repaired: no sound event has the response object"),
        (
            [*short(), CUT_IN_CALL[3].replace(": 3,", ": 2,")],
            "cannot be repaired: no sound event says how function_call fc_1 began",
        ),
        (
            [*CUT_AFTER_TEXT[:-1], CUT_AFTER_TEXT[-1].replace("Hello", "Goodbye")],
            "cannot be repaired: response.output_text.done: text has ",
        ),
        (["garbage", HEADER], "no sound event is left to begin with"),
    ],
)
def test_what_is_not_known_is_not_guessed(lines: Lines, cause: str) -> None:
    with pytest.raises(RecordingError) as refused:
        mend(lines)
    assert refused.value.cause.startswith(cause)
    assert refused.value.path == "a.jsonl"


STATUS = {"created": "in_progress"}


def agents(*ids: str) -> bytes:
    """A stream in which the response b runs within a, up to the ends of these."""
    begun: dict[str, Any] = {"object": "response", "created_at": 1, "model": "m", "output": []}
    rows = [("created", "a"), ("created", "b"), ("in_progress", "b"), ("in_progress", "a")]
    rows += [("completed", id_) for id_ in ids]
    events = [
        {
            "type": f"response.{state}",
            "response": {
                **begun,
                "id": id_,
                "status": STATUS.get(state, state),
                "usage": {"total_tokens": 1},
            },
            "sequence_number": number,
        }
        for number, (state, id_) in enumerate(rows)
    ]
    return "".join(f"{json.dumps(event)}\n" for event in events).encode()


def test_several_responses_at_a_time_are_left_as_they_are_or_refused() -> None:
    assert repair(agents("b", "a"), "a.jsonl") == Repaired(agents("b", "a"), ())
    with pytest.raises(RecordingError, match="several responses run at a time in it: response a: "):
        repair(agents("b"), "a.jsonl")
