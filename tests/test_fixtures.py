"""The recordings that ship with Respool: whole, valid, and read by the SDK as they were recorded."""

import base64
import json
import math
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from openai import APIError, InternalServerError, OpenAI, RateLimitError
from openai.lib.streaming.responses import ResponseFunctionCallArgumentsDeltaEvent, ResponseTextDeltaEvent
from openai.types.responses import ResponseStreamEvent
from pydantic import Field, TypeAdapter, ValidationError

from respool.play.pace import Pace
from respool.recordings.formats import jsonl
from respool.recordings.recording import Recording
from respool.recordings.store import Store
from respool.server.request import PLAY_HEADER
from respool.testing import running_server

ROOT = Path(__file__).parent.parent
FIXTURES = ROOT / "fixtures"
SEED = ROOT / "tests/data/seed/000_e5dbce17ebd499f1.txt"

STORE = Store([FIXTURES])
# Scripts have tests of their own, with those of their language.
NAMES = [name for name in STORE.names if not name.startswith("scripts/")]
STREAMS = [turn for name in NAMES for turn in STORE.turns(name) if not turn.plain]
SOUND = [turn for turn in STREAMS if turn.events[-1].event.type != "response.failed"]
COMPLETED = [turn for turn in SOUND if turn.events[-1].event.type == "response.completed"]

# The field of a `.done` event which holds what the `.delta` events of the same kind add up to.
WHOLE = {
    "response.function_call_arguments": "arguments",
    "response.output_text": "text",
    "response.reasoning_summary_text": "text",
    "response.refusal": "refusal",
}

# Where a recording is not what the SDK's types say: the place, and why it is right nonetheless.
NOT_AS_TYPED = {
    ("errors/failed", "error.message"): "the service nests an error's details, the types have them flat",
    (
        "images/echidna",
        "response.completed.response.usage.input_tokens_details.cache_write_tokens",
    ): "usage had no such field when this was recorded",
}

EVENTS: TypeAdapter[ResponseStreamEvent] = TypeAdapter(
    Annotated[ResponseStreamEvent, Field(discriminator="type")]
)

paths = pytest.mark.parametrize(
    "path", sorted(FIXTURES.rglob("*.jsonl")), ids=lambda path: path.relative_to(FIXTURES).as_posix()
)


def each(turns: list[Recording]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("turn", turns, ids=lambda turn: turn.name)


@pytest.fixture(scope="module")
def client() -> Iterator[OpenAI]:
    with (
        running_server(FIXTURES, pace=Pace(speed=math.inf)) as running,
        OpenAI(base_url=running.base_url, api_key="any", max_retries=0) as client,
    ):
        yield client


@pytest.fixture
def echidna() -> Recording:
    (turn,) = STORE.turns("images/echidna")
    return turn


def data_of(turn: Recording) -> list[dict[str, Any]]:
    return [timed.event.data for timed in turn.events]


def play(name: str) -> dict[str, str]:
    return {PLAY_HEADER: name}


@paths
def test_file_is_read_without_refusal(path: Path) -> None:
    name = path.relative_to(FIXTURES).with_suffix("").as_posix()
    assert name in STORE.names
    assert [refusal for refusal in STORE.refused if refusal.name == name] == []


@paths
def test_file_is_what_the_writer_makes_of_its_turns(path: Path) -> None:
    data = path.read_bytes()
    assert jsonl.write(jsonl.read(data, path.stem, str(path))).encode() == data


def test_readme_has_a_row_for_each_recording_with_its_seconds() -> None:
    rows = re.findall(
        r"^\| `(.+?)` \| .+? \| (.+?) \|", (FIXTURES / "README.md").read_text("utf-8"), re.MULTILINE
    )
    assert dict(rows) == {
        name: ", ".join(f"{Pace().moments(turn)[-1]:.2f}" for turn in STORE.turns(name) if turn.events) or "-"
        for name in NAMES
    }


@each(STREAMS)
def test_all_events_have_times(turn: Recording) -> None:
    assert None not in [timed.gap for timed in turn.events]


@each(STREAMS)
def test_events_are_valid_by_the_types_of_the_sdk(turn: Recording) -> None:
    wrong: dict[tuple[str, str], str] = {}
    for timed in turn.events:
        try:
            EVENTS.validate_json(timed.event.text, strict=True)
        except ValidationError as invalid:
            wrong |= {
                (turn.name, ".".join(map(str, error["loc"]))): error["msg"] for error in invalid.errors()
            }
    assert wrong == {place: "Field required" for place in NOT_AS_TYPED if place[0] == turn.name}


@each(STREAMS)
def test_sequence_numbers_count_from_0(turn: Recording) -> None:
    assert [timed.event.sequence_number for timed in turn.events] == list(range(len(turn.events)))


@each(STREAMS)
def test_stream_begins_with_the_same_response_twice(turn: Recording) -> None:
    created, in_progress = data_of(turn)[:2]
    assert (created["type"], in_progress["type"]) == ("response.created", "response.in_progress")
    assert created["response"] == in_progress["response"]


@each(STREAMS)
def test_deltas_add_up_to_what_is_done(turn: Recording) -> None:
    added: dict[tuple[Any, ...], str] = {}
    done: dict[tuple[Any, ...], str] = {}
    for event in data_of(turn):
        kind, _, stage = event["type"].rpartition(".")
        place = (kind, event.get("item_id"), event.get("content_index"), event.get("summary_index"))
        if stage == "delta":
            added[place] = added.get(place, "") + event["delta"]
        elif stage == "done" and kind in WHOLE:
            added.setdefault(place, "")
            done[place] = event[WHOLE[kind]]
    assert added == done


@each(STREAMS)
def test_final_response_has_the_items_as_they_were_done(turn: Recording) -> None:
    events = data_of(turn)
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert events[-1]["response"]["output"] == done


@each(STREAMS)
def test_obfuscation_pads_all_deltas_to_multiples_of_16_or_none(turn: Recording) -> None:
    deltas = [
        event
        for event in data_of(turn)
        if event["type"].endswith(".delta") and event["type"] != "response.refusal.delta"
    ]
    padded = [event for event in deltas if "obfuscation" in event]
    assert len(padded) in (0, len(deltas))
    assert {(len(event["delta"]) + len(event["obfuscation"])) % 16 for event in padded} <= {0}


def test_citations_point_at_their_links() -> None:
    (turn,) = STORE.turns("tools/web_search")
    part = data_of(turn)[-1]["response"]["output"][-1]["content"][0]
    cited = [part["text"][note["start_index"] : note["end_index"]] for note in part["annotations"]]
    links = [re.fullmatch(r"\(\[[a-z.]+\]\((.+)\)\)", text) for text in cited]
    assert [link and link[1] for link in links] == [note["url"] for note in part["annotations"]]


@pytest.mark.parametrize("name", ["text/conversation", "tools/get_weather"])
def test_second_turn_goes_on_from_the_first(name: str) -> None:
    first, second = STORE.turns(name)
    response = data_of(first)[-1]["response"]
    request = second.header.request
    assert response["id"] == request.get("previous_response_id") or response["output"][0] in request["input"]


@each(SOUND)
def test_sdk_reads_each_event_as_it_was_recorded(client: OpenAI, turn: Recording) -> None:
    events = client.responses.create(**turn.header.request, extra_headers=play(turn.name))
    assert [event.to_dict() for event in events] == data_of(turn)


@each(COMPLETED)
def test_sdk_adds_up_the_stream_to_the_recorded_response(client: OpenAI, turn: Recording) -> None:
    events = data_of(turn)
    request = {name: value for name, value in turn.header.request.items() if name != "stream"}
    snapshots: dict[str, str] = {}
    with client.responses.stream(**request, extra_headers=play(turn.name)) as stream:
        for event in stream:
            if isinstance(event, (ResponseTextDeltaEvent, ResponseFunctionCallArgumentsDeltaEvent)):
                snapshots[event.item_id] = event.snapshot
        final = stream.get_final_response()
    assert json.loads(final.to_json(), object_hook=without_parsed) == events[-1]["response"]
    assert snapshots == {
        event["item_id"]: text
        for event in events
        if event["type"] in ("response.output_text.done", "response.function_call_arguments.done")
        and (text := event.get("text") or event.get("arguments"))
    }


def without_parsed(value: dict[str, Any]) -> dict[str, Any]:
    """A JSON object without what the SDK's helper adds to it."""
    return {name: value[name] for name in value if name not in ("parsed", "parsed_arguments")}


@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        ("errors/rate_limit", RateLimitError, "rate_limit_exceeded"),
        ("errors/server_error", InternalServerError, "server_error"),
        ("errors/failed", APIError, "rate_limit_exceeded"),
    ],
)
def test_sdk_raises_what_it_raises_for_the_service(
    client: OpenAI, name: str, kind: type[APIError], code: str
) -> None:
    with pytest.raises(APIError) as caught:
        list(client.responses.create(model="any", input="any", stream=True, extra_headers=play(name)))
    assert (type(caught.value), caught.value.code) == (kind, code)


def test_echidna_is_a_webp_of_the_size_that_is_told(echidna: Recording) -> None:
    # Source: the WebP container specification, "Simple File Format (Lossless)", and the lossless
    # bitstream's header: a signature byte, then 14 bits each for width - 1 and height - 1.
    (partial,) = [event for event in data_of(echidna) if "partial_image_b64" in event]
    call = data_of(echidna)[-1]["response"]["output"][1]
    for told, text in ((partial, partial["partial_image_b64"]), (call, call["result"])):
        image = base64.b64decode(text, validate=True)
        riff, size, webp, chunk, length, signature, bits = struct.unpack_from("<4sI4s4sIBI", image)
        assert (riff, size, webp) == (b"RIFF", len(image) - 8, b"WEBP")
        assert (chunk, length, signature) == (b"VP8L", len(image) - 20, 0x2F)
        assert told["size"] == f"{(bits & 0x3FFF) + 1}x{(bits >> 14 & 0x3FFF) + 1}"


def test_seed_is_refused_where_two_of_its_events_have_run_together() -> None:
    store = Store([SEED])
    (refusal,) = store.refused
    column = SEED.read_text("utf-8").split("\n")[7].index(',{"id":"msg_') + 1
    assert store.names == []
    assert str(refusal.error).startswith(f"{SEED}:8:{column}: ")
    assert refusal.error.cause.endswith("two events run together?")


def test_echidna_has_all_that_survives_in_the_seed_unchanged(echidna: Recording) -> None:
    *whole, damaged = SEED.read_text("utf-8").split("\n")
    texts = [timed.event.text for timed in echidna.events]
    survives = re.fullmatch(r'(.+")UklGR[\w+/]+\.\.\.[\w+/]+==(".+)', damaged)
    assert survives
    assert texts[: len(whole)] == whole
    assert texts[len(whole)].startswith(survives[1])
    assert texts[-1].endswith(survives[2])
