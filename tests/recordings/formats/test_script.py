"""Script files: read with the place of every error, legal, and read by the SDK as what they say."""

import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import jsonschema
import pytest
from openai import APIError, OpenAI, RateLimitError
from openai.types.responses import ResponseStreamEvent
from pydantic import Field, TypeAdapter, ValidationError

from respool import scripts as scripts
from respool.check.checker import check
from respool.errors import RecordingError
from respool.play.pace import Pace
from respool.protocol.event_types import EVENT_TYPES, ITEM_TYPES
from respool.recordings.formats import jsonl, script
from respool.recordings.formats.script_file import MAX_SIZE
from respool.recordings.recording import Header, Recording
from respool.scripts import plain_yaml
from respool.server.request import PLAY_HEADER
from respool.testing import running_server

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "fixtures/scripts"
FILES = sorted(FOLDER.glob("*.yaml"))
PAGE = ROOT / "docs/scripts.md"
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
PIXEL = (FOLDER / "pictures/square.png").read_bytes()

EVENTS: TypeAdapter[ResponseStreamEvent] = TypeAdapter(
    Annotated[ResponseStreamEvent, Field(discriminator="type")]
)
VALIDATOR = jsonschema.Draft202012Validator(scripts.schema())
NOT_TYPED = ("keepalive", "error", "response.apply_patch_call_operation_diff.")

TURNS = [
    *(turn for path in FILES for turn in script.read(path.read_bytes(), path.name.split(".")[0], str(path))),
    *(
        turn
        for number, text in enumerate(EXAMPLES)
        for turn in script.read(text.encode(), f"example{number}", str(PAGE))
    ),
]
STREAMS = [turn for turn in TURNS if not turn.plain]
COMPLETED = [turn for turn in STREAMS if turn.events[-1].event.type == "response.completed"]


def each(turns: list[Recording]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("turn", turns, ids=lambda turn: turn.name)


def read(text: str, path: str = "a.script.yaml") -> Recording:
    return script.read(text.encode(), "a", path)[0]


def text_of(recording: Recording) -> str:
    """The text of the first message."""
    event = next(timed.event for timed in recording.events if timed.event.type == "response.output_text.done")
    text: str = event.data["text"]
    return text


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_of_the_folder_says_what_its_shortest_form_says(path: Path) -> None:
    document = plain_yaml.load(path.read_text("utf-8"))

    class Source(scripts.PlainSource):
        def written(self, path: scripts.Path) -> str | None:
            return document.written(path)

        def picture(self, name: str) -> bytes:
            return (FOLDER / name).read_bytes()

    VALIDATOR.validate(document.data)
    again = script.write(scripts.read(document.data, Source())).encode()
    assert plays(script.read(again, "a", str(path))) == plays(script.read(path.read_bytes(), "a", str(path)))


def plays(turns: Iterable[Recording]) -> list[Any]:
    """What of recordings reaches a client."""
    return [(dict(turn.header.fields), [(timed.gap, timed.event) for timed in turn.events]) for turn in turns]


@pytest.mark.parametrize("text", EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_of_the_documentation_is_valid_by_the_json_schema(text: str) -> None:
    VALIDATOR.validate(plain_yaml.load(text).data)


@each(STREAMS)
def test_a_stream_is_legal(turn: Recording) -> None:
    found = [finding.code for finding in check(timed.event for timed in turn.events)]
    cut = turn.events[-1].event.type.endswith(".delta")
    assert found == (["RS106"] if cut else [])


@each(STREAMS)
def test_events_are_valid_by_the_types_of_the_sdk(turn: Recording) -> None:
    wrong = []
    for timed in turn.events:
        if not timed.event.type.startswith(NOT_TYPED):
            try:
                EVENTS.validate_json(timed.event.text, strict=True)
            except ValidationError as invalid:
                wrong += [error["loc"][-2:] for error in invalid.errors()]
    # The service has more codes of errors than the types.
    assert [place for place in wrong if place != ("error", "code")] == []


def test_the_folder_has_every_type_of_item_and_of_event() -> None:
    items, events = set(), set()
    for turn in TURNS[: len(TURNS) - len(EXAMPLES)]:
        for timed in turn.events:
            events.add(timed.event.type)
            if timed.event.type == "response.output_item.added":
                items.add(timed.event.data["item"]["type"])
    assert items == ITEM_TYPES.keys()
    sent = {name for name, known in EVENT_TYPES.items() if known.origin.name in ("PACKAGE", "WIRE")}
    assert {name for name in sent - events if "audio" not in name and "steer" not in name} == set()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenAI]:
    folder = tmp_path_factory.mktemp("scripts")
    for turn in TURNS:
        # Nobody releases here what waits.
        header = Header({name: value for name, value in turn.header.fields.items() if name != "hold"})
        sound = replace(turn, header=header)
        (folder / f"{turn.name.replace('#', '-')}.jsonl").write_text(jsonl.write([sound]), "utf-8")
    with (
        running_server(folder, pace=Pace(speed=math.inf)) as running,
        OpenAI(base_url=running.base_url, api_key="any", max_retries=0) as client,
    ):
        yield client


def play(turn: Recording) -> dict[str, str]:
    return {PLAY_HEADER: turn.name.replace("#", "-")}


@each(COMPLETED)
def test_the_sdk_adds_up_the_stream_to_the_final_response(client: OpenAI, turn: Recording) -> None:
    with client.responses.stream(model="any", input="any", extra_headers=play(turn)) as stream:
        final = stream.get_final_response()
    assert json.loads(final.to_json(), object_hook=without_parsed) == turn.events[-1].event.data["response"]


def without_parsed(value: dict[str, Any]) -> dict[str, Any]:
    """A JSON object without what the SDK's helper adds to it."""
    return {name: value[name] for name in value if name not in ("parsed", "parsed_arguments")}


@pytest.mark.parametrize(
    ("name", "error", "code"),
    [
        ("rate_limit", RateLimitError, "rate_limit_exceeded"),
        ("quota", APIError, "insufficient_quota"),
        ("error_event", APIError, "server_error"),
    ],
)
def test_the_sdk_raises_what_the_script_says(
    client: OpenAI, name: str, error: type[APIError], code: str
) -> None:
    turn = next(turn for turn in TURNS if turn.name == name)
    with pytest.raises(error) as caught:
        list(client.responses.create(model="any", input="any", stream=True, extra_headers=play(turn)))
    assert caught.value.code == code


def test_the_second_turn_answers_under_its_number() -> None:
    first, second = script.read(b"turns: [{text: a}, {text: b}]", "folder/a", "a.script.yaml")
    assert [(turn.name, text_of(turn)) for turn in (first, second)] == [
        ("folder/a", "a"),
        ("folder/a#2", "b"),
    ]


def test_an_event_has_the_line_of_its_step() -> None:
    recording = read("model: m\noutput:\n  - message: ''\n\n  - reasoning:\n")
    assert [timed.line for timed in recording.events] == [1, 1, 3, 3, 3, 3, 3, 5, 5, 1]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("text: no", "no"),
        ("text: 1.10", "1.10"),
        ("text: 2026-01-01", "2026-01-01"),
        ("text: 0x1F", "0x1F"),
        ("text: 12:30:15", "12:30:15"),
        ("text: ~x", "~x"),
        ("text: 1e3", "1e3"),
        ("text: True", "True"),
        ("text: ''", ""),
        ("text: |\n  a\n  b\n", "a\nb\n"),
        ("text: >-\n  a\n  b\n", "a b"),
        ('text: "\\ud83d\\ude00\\0"', "😀\0"),
        ("﻿text: a\r\n", "a"),
        ('{"text": "a\\tb"}', "a\tb"),
        ("note: &a hello\ntext: *a", "hello"),
    ],
)
def test_text_is_taken_as_it_is_written(text: str, says: str) -> None:
    assert text_of(read(text)) == says


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "1:1: empty"),
        ("# nothing", "1:1: empty"),
        ("- a", "1:1: expected a mapping, but this is a list"),
        ("txet: a", "1:1: txet is not known here, did you mean text?; expected text, "),
        ("text: a\n\ntext: b", "3:1: text is given twice, first in line 1"),
        ("text:", "1:6: expected text, but there is none; an empty text is ''"),
        ("text: [a]", "1:7: expected text, but this is a list"),
        ("output:\n  - functon_call: {name: a}", "2:5: there is no step functon_call, did you mean "),
        (
            "output:\n  - function_call: {nam: a}",
            "2:21: nam is not known here, did you mean name?; expected ",
        ),
        ("output:\n  - message:\n    text: a", "2:5: a step has one key, but this has 2; indent the fields "),
        (
            "output: [{message: {text: a, logprobs: [{token: b}]}}]",
            "1:40: the tokens make 'b', expected the ",
        ),
        (
            "text: a\nheaders: {a b: c}",
            "2:10: the header's \"headers\": 'a b' cannot be sent as an HTTP header",
        ),
        ("text: a\nseed: x", '2:7: expected a whole number, but this is "x"'),
        ("text: 'a", "1:9: not YAML: found unexpected end of stream"),
        ("text: a: b", "1:8: not YAML: mapping values are not allowed here; text that has a colon and a "),
        (
            "output:\n\t- message: a",
            "2:1: not YAML: found character '\\t' that cannot start any token; indent ",
        ),
        ("text: a\n---\ntext: b", "2:1: not YAML: but found another document"),
        ("text: a\x01", "1:8: the character '\\x01' is not allowed"),
        ("text: *a", "1:7: not YAML: found undefined alias 'a'"),
        ('"\\e[31m": a', "1:1: \\x1b[31m is not known here; expected "),
    ],
)
def test_an_error_has_path_line_column_and_cause(text: str, message: str) -> None:
    with pytest.raises(RecordingError) as caught:
        read(text, "folder/a.script.yaml")
    assert str(caught.value).startswith(f"folder/a.script.yaml:{message}")


def test_bytes_that_are_not_utf_8_are_refused_with_their_place() -> None:
    with pytest.raises(RecordingError) as caught:
        script.read(b"model: m\ntext: \xff", "a", "a.script.yaml")
    assert str(caught.value) == "a.script.yaml:2:7: byte 0xff is not UTF-8"


def test_a_script_that_is_too_large_is_refused() -> None:
    with pytest.raises(RecordingError) as caught:
        script.read(b"#" * (MAX_SIZE + 1), "a", "a.script.yaml")
    assert caught.value.cause == "4194305 bytes, expected at most 4194304 in a Script"


def test_all_damages_are_told_when_asked_and_the_rest_is_read() -> None:
    damages: list[RecordingError] = []
    text = b"turns:\n  - {txt: a}\n  - text: b\n    modle: m\n  - output: [{mesage: c}, {message: d}]\n"
    turns = script.read(text, "a", "a.script.yaml", damages.append)
    assert [damage.place for damage in damages] == [
        f"a.script.yaml:{at}" for at in ("2:6", "2:5", "4:5", "5:15")
    ]
    assert [text_of(turn) for turn in turns] == ["b", "d"]


def test_a_turn_that_contradicts_itself_is_left_out_when_asked() -> None:
    damages: list[RecordingError] = []
    bad = "output: [{message: {text: a, annotations: [{type: file_path, quote: b}]}}]"
    turns = script.read(f"turns:\n  - {bad}\n  - text: c".encode(), "a", "a", damages.append)
    assert [str(damage) for damage in damages] == ["a:2:73: the text does not have the words 'b'"]
    assert [text_of(turn) for turn in turns] == ["c"]


@pytest.mark.parametrize("text", [b"", b"\xff", b"text: [", b"- a"])
def test_a_file_of_which_nothing_is_sound_gives_nothing_when_asked(text: bytes) -> None:
    damages: list[RecordingError] = []
    assert script.read(text, "a", "a", damages.append) == ()
    assert len(damages) == 1


def image(folder: Path, name: str) -> dict[str, Any]:
    text = f"output: [{{image_generation_call: {json.dumps(name)}}}]"
    recording = read(text, str(folder / "a.script.yaml"))
    done: dict[str, Any] = recording.events[-2].event.data["item"]
    return done


# How pictures begin, each 300 pixels wide and 200 high.
JPEG = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xff\xc4\x00\x02\xff\xc2\x00\x08\x08\x00\xc8\x01\x2c\x03"
WEBP = b"RIFF\x00\x00\x00\x00WEBP"
HEADS = [
    ("a.png", b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR\x00\x00\x01\x2c\x00\x00\x00\xc8", "png"),
    ("a.jpg", JPEG, "jpeg"),
    ("a.webp", WEBP + b"VP8X" + b"\0" * 8 + b"\x2b\x01\x00\xc7\x00\x00", "webp"),
    ("a.webp", WEBP + b"VP8L" + b"\0" * 4 + b"\x2f" + (299 | 199 << 14).to_bytes(4, "little"), "webp"),
    ("a.webp", WEBP + b"VP8 " + b"\0" * 10 + b"\x2c\x01\xc8\x00", "webp"),
]


@pytest.mark.parametrize(("name", "head", "format_"), HEADS)
def test_a_picture_file_tells_its_format_and_size(
    tmp_path: Path, name: str, head: bytes, format_: str
) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / name).write_bytes(head)
    done = image(tmp_path, f"below/{name}")
    assert (done["output_format"], done["size"]) == (format_, "300x200")


@pytest.mark.parametrize(("name", "head", "format_"), HEADS)
def test_a_picture_file_that_is_cut_off_is_refused(
    tmp_path: Path, name: str, head: bytes, format_: str
) -> None:
    (tmp_path / name).write_bytes(head[: -4 if format_ != "jpeg" else -6])
    with pytest.raises(RecordingError, match=r"the picture is cut off"):
        image(tmp_path, name)


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("none.png", "none.png: no such file"),
        ("folder", "folder: no such file"),
        ("../outside.png", "../outside.png: it is outside of the Script's folder"),
        ("link.png", "link.png: it is outside of the Script's folder"),
        ("circle.png", ("circle.png: not readable", "circle.png: no such file")),  # Python 3.13 follows it
        ("n" * 300, "n" * 300 + ": file name too long"),
        ("text.png", "text.png: no PNG, WebP or JPEG picture"),
        ("a\0b", ("a\\x00b: embedded null byte", "a\\x00b: lstat: embedded null character in path")),
    ],
)
def test_a_picture_file_is_confined_to_the_folder_and_must_be_one(
    tmp_path: Path, name: str, cause: str | tuple[str, ...]
) -> None:
    folder = tmp_path / "recordings"
    (folder / "folder").mkdir(parents=True)
    (tmp_path / "outside.png").write_bytes(PIXEL)
    (folder / "link.png").symlink_to(tmp_path / "outside.png")
    (folder / "circle.png").symlink_to(folder / "circle.png")
    (folder / "text.png").write_text("no picture")
    with pytest.raises(RecordingError) as caught:
        image(folder, name)
    assert caught.value.cause in ((cause,) if isinstance(cause, str) else cause)
    assert (caught.value.line, caught.value.column) == (1, 34)


def test_a_script_is_never_told_by_its_content() -> None:
    assert not script.sniff(b"text: Hello there!")


def test_a_script_may_ask_for_fresh_ids() -> None:
    (turn,) = script.read(b"ids: fresh\ntext: Hi\n", "hi", "hi.script.yaml")
    assert turn.header.ids == "fresh"
