import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from respool.errors import RecordingError
from respool.recordings import formats
from respool.recordings.formats import FORMATS, Format
from respool.recordings.formats.turn_builder import OnDamage, refuse
from respool.recordings.recording import Recording

EVENT = b'{"type":"response.created"}'
STREAM = b"data: " + EVENT + b"\n\n"
NO_FORMAT = "a.txt: in no format that Respool reads"


@pytest.mark.parametrize(
    ("data", "path", "name"),
    [
        (EVENT, "a.jsonl", "jsonl"),
        (EVENT, "a.chunks.txt", "jsonl"),
        (EVENT, "", "jsonl"),
        (STREAM, "a.sse", "sse"),
        (STREAM, "a.txt", "sse"),
        (EVENT, "a.sse", "jsonl"),
        (STREAM, "a.jsonl", "sse"),
        (STREAM, "a.ndjson", "sse"),
        (b"", "a.jsonl", "jsonl"),
        (b"", "a.ndjson", "jsonl"),
        (b"", "a.sse", "sse"),
        (b'{"type":', "b/a.jsonl", "jsonl"),
        (b"\xff\xfe", "a.sse", "sse"),
        (b"", "a.txt", None),
        (b"", "", None),
        (b"hello", "README.md", None),
        (b'{"type":', "a.json", None),
        (b'{\n  "type": "a"\n}', "a.json", None),
        (b"x: 1\n", "stubs.yaml", None),
        (b"\x1f\x8b\x08\x00", "a.yaml.gz", None),
        (b"\x89PNG\r\n\x1a\n", "a.png", None),
        (b"x", "jsonl", None),
    ],
)
def test_content_decides_and_then_the_suffix(data: bytes, path: str, name: str | None) -> None:
    assert formats.sniff(data, path) == name


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (b'{"name":"app","type":"module"}', "package.json"),
        (b'{"type":"object","properties":{}}', "schema.json"),
        (b'{"type":"FeatureCollection","features":[]}', "map.geojson"),
    ],
)
def test_other_json_with_a_type_is_no_recording(data: bytes, path: str) -> None:
    assert formats.sniff(data, path) is None


@pytest.mark.parametrize(
    "sample", [STREAM, b'{"type":"response.created"}\n', b'{"respool": 1}\n'], ids=["sse", "event", "header"]
)
def test_a_text_that_shows_a_sample_is_no_recording(sample: bytes) -> None:
    assert (
        formats.sniff(b"# Recordings\n\nThey look like this:\n\n```\n" + sample + b"```\n", "README.md")
        is None
    )


@pytest.mark.parametrize("module", FORMATS.values(), ids=FORMATS)
def test_a_format_claims_suffixes_of_its_own(module: Format) -> None:
    claimed = [suffix for other in FORMATS.values() for suffix in other.SUFFIXES]
    assert all(suffix.startswith(".") and claimed.count(suffix) == 1 for suffix in module.SUFFIXES)


@pytest.mark.parametrize("data", [EVENT, STREAM])
@pytest.mark.parametrize("path", ["a.jsonl", "a.sse", "a.txt"])
def test_a_file_is_read_by_the_format_of_its_content(data: bytes, path: str) -> None:
    [turn] = formats.read(data, "a", path)
    assert turn.name == "a"
    assert [timed.event.text for timed in turn.events] == [EVENT.decode()]


@pytest.mark.parametrize(
    ("data", "path", "message"),
    [
        (b"hello", "a.txt", NO_FORMAT),
        (b"", "a.txt", NO_FORMAT),
        (b"", "a.jsonl", "a.jsonl: empty: expected a header or an event"),
        (b"# nothing\n\n", "a.jsonl", "a.jsonl: empty: expected a header or an event"),
        (b": nothing\n\n", "a.sse", "a.sse: empty: expected a header or an event"),
        (b"data: [DONE]\n\n", "a.txt", "a.txt: empty: expected a header or an event"),
        (b"hello", "a.jsonl", "a.jsonl:1:1: not JSON: expecting value"),
        (EVENT + b"\n{", "a.txt", "a.txt:2:2: not JSON: expecting property name enclosed in double quotes"),
    ],
)
def test_what_cannot_be_read_is_refused(data: bytes, path: str, message: str) -> None:
    with pytest.raises(RecordingError) as refused:
        formats.read(data, "a", path)
    assert str(refused.value) == message


@pytest.mark.parametrize("data", [EVENT + b"\n{\n" + EVENT, STREAM + b"data: {\n\n" + STREAM])
def test_damage_goes_to_on_damage_whatever_the_format(data: bytes) -> None:
    damages: list[RecordingError] = []
    [turn] = formats.read(data, "a", "a.txt", damages.append)
    assert len(turn.events) == 2
    assert [damage.path for damage in damages] == ["a.txt"]


def test_a_file_of_which_nothing_is_sound_has_no_turns_and_only_its_damages_are_told() -> None:
    damages: list[RecordingError] = []
    assert formats.read(b"{\n[\n", "a", "a.jsonl", damages.append) == ()
    assert [damage.line for damage in damages] == [1, 2]


_WORDS = (
    b'{"type":"response.created"|"response":{"id":"a"}|{"type":"a"}|{"respool":1|"status":|"body":|"headers":{|'
    b'"type"|{|}|[|]|,|"|:| |0.5|-1|null|NaN|1e999|\\ud800|\n|\r|\r\n|\n\n|\t|\v|#|data: |data:|event: |'
    b"event|[DONE]|\xef\xbb\xbf|\xc3\xa9|\xc3|\xff|\xe2\x80\xa8|\0"
).split(b"|")
_bytes = st.binary(max_size=50) | st.lists(st.sampled_from(_WORDS), max_size=25).map(b"".join)
_paths = st.sampled_from(["a.jsonl", "a.sse", "a.txt"])


@settings(deadline=None, max_examples=10 * settings.default.max_examples)
@given(_bytes, _paths)
@example(b"[" * 100_000, "a.jsonl")
@example(b"data: " + b'{"a":' * 100_000, "a.sse")
@example(b"[" + b"9" * 5000 + b"," + EVENT + b"]", "a.jsonl")
def test_any_bytes_are_a_recording_or_a_recording_error(data: bytes, path: str) -> None:
    turns: tuple[Recording, ...] = ()
    damages: list[RecordingError] = []
    try:
        turns = formats.read(data, "a", path)
    except RecordingError as error:
        damages.append(error)
    assert turns or damages
    assert all(turn.events or turn.header.body is not None for turn in turns)
    lines = data.count(b"\n") + data.count(b"\r") + 1
    assert all(damage.path == path and 1 <= (damage.line or 1) <= lines for damage in damages)


@settings(deadline=None, max_examples=5 * settings.default.max_examples)
@given(_bytes, _paths)
def test_without_damage_the_strict_and_the_lenient_reading_are_the_same(data: bytes, path: str) -> None:
    def texts(on_damage: OnDamage) -> list[list[str]] | None:
        try:
            turns = formats.read(data, "a", path, on_damage)
        except RecordingError:
            return None
        return [[timed.event.text for timed in turn.events] for turn in turns]

    damages: list[RecordingError] = []
    lenient = texts(damages.append)
    assert texts(refuse) == (None if damages else lenient)


@pytest.mark.parametrize(
    ("path", "without"),
    [
        ("a.jsonl", "a"),
        ("b/a.jsonl", "b/a"),
        ("b.c/a", "b.c/a"),
        ("b.c/a.txt", "b.c/a"),
        ("a.b.jsonl", "a.b"),
        ("a.script.yaml", "a"),
        ("b/a.b.script.yml", "b/a.b"),
        ("script.yaml", "script"),
        (".script.yaml", ".script"),
        ("b/.script.yaml", "b/.script"),
        ("a.SCRIPT.yaml", "a.SCRIPT"),
        (".jsonl", ".jsonl"),
        ("b/.jsonl", "b/.jsonl"),
        ("a.", "a."),
        ("a", "a"),
        ("..a", "."),
    ],
)
def test_a_name_is_a_path_without_its_suffix(path: str, without: str) -> None:
    assert formats.without_suffix(path) == without


@pytest.mark.parametrize(
    ("path", "format"),
    [
        *[("a.jsonl", "jsonl"), ("b/A.NDJSON", "jsonl"), ("a.sse", "sse"), ("a.script.yml", "script")],
        *[("a.yaml", None), ("jsonl", None), ("", None), ("a.jsonl/b", None)],
    ],
)
def test_a_suffix_says_which_format_is_meant(path: str, format: str | None) -> None:
    assert formats.by_suffix(path) == format
