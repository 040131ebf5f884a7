"""Mappings of WireMock, and the files that they name."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.recordings.formats.format_streams import ANSWER, ASKED, SSE, TEXTS

from respool.errors import NotARecording, RecordingError
from respool.recordings import formats
from respool.recordings.recording import Recording
from respool.recordings.store import Store

MATCHED = {"method": "POST", "urlPath": "/v1/responses"}
PATTERNS = [{"matchesJsonPath": "$.input"}, {"equalToJson": json.dumps(ASKED), "ignoreExtraElements": True}]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "mappings" / "deep").mkdir(parents=True)
    (tmp_path / "__files" / "deep").mkdir(parents=True)
    (tmp_path / "__files" / "deep" / "hello.sse").write_text(SSE)
    (tmp_path / "__files" / "answer.json").write_text(json.dumps(ANSWER, indent=2))
    (tmp_path / "secret.sse").write_text(SSE)
    return tmp_path


def mapping(name: str, request: dict[str, Any] | None) -> dict[str, Any]:
    fields = {} if request is None else {"request": request}
    return {**fields, "response": {"status": 200, "bodyFileName": name, "headers": {"x-a": "b"}}}


def read(root: Path, *mappings: dict[str, Any], problems: list[str] | None = None) -> tuple[Recording, ...]:
    path = root / "mappings" / "deep" / "one.json"
    path.write_text(json.dumps(mappings[0] if len(mappings) == 1 else {"mappings": mappings}, indent=2))

    def on_damage(damage: RecordingError) -> None:
        if problems is not None:
            problems.append(damage.cause)

    return formats.read(path.read_bytes(), "a", str(path), on_damage)


@pytest.mark.parametrize("request_", [None, MATCHED, MATCHED | {"bodyPatterns": PATTERNS}])
@pytest.mark.parametrize("name", ["deep/hello.sse", "answer.json"])
def test_the_file_is_the_answer_and_the_pattern_of_its_body_the_request(
    root: Path, name: str, request_: dict[str, Any] | None
) -> None:
    (turn,) = read(root, mapping(name, request_))
    assert turn.header.request == (ASKED if request_ and "bodyPatterns" in request_ else {})
    if name == "answer.json":
        assert turn.header.body == ANSWER
    else:
        assert [timed.event.text for timed in turn.events] == [*TEXTS]
        assert turn.header.headers == {"x-a": "b"}
        assert turn.header.fields["pointer"] == "/response/bodyFileName"


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("../secret.sse", 'its bodyFileName "../secret.sse" leads out of __files, and is not read'),
        ("link.sse", 'its bodyFileName "link.sse" leads out of __files, and is not read'),
        ("deep", 'its bodyFileName is "deep", and __files has no such file'),
        ("gone.sse", 'its bodyFileName is "gone.sse", and __files has no such file'),
        ("a\0b", 'its bodyFileName "a\\u0000b" is no name of a file'),
    ],
)
def test_no_file_outside_of_the_folder_is_read(root: Path, name: str, cause: str) -> None:
    (root / "__files" / "link.sse").symlink_to(root / "secret.sse")
    with pytest.raises(NotARecording) as refused:
        read(root, mapping(name, MATCHED))
    assert refused.value.cause == f"a mapping of WireMock: {cause}"
    problems: list[str] = []
    (turn,) = read(root, mapping("deep/hello.sse", MATCHED), mapping(name, MATCHED), problems=problems)
    assert len(turn.events) == 3
    assert f"a mapping of WireMock: {cause}" in problems


def test_an_absolute_name_is_one_below_the_folder(root: Path) -> None:
    with pytest.raises(NotARecording, match="has no such file"):
        read(root, mapping(str(root / "secret.sse"), MATCHED))


def test_a_mapping_that_is_no_file_reads_none(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upload has only the name of a file."""
    read(root, mapping("deep/hello.sse", MATCHED))
    monkeypatch.chdir(root)
    other = json.dumps(mapping("deep/hello.sse", None)).encode()
    with pytest.raises(NotARecording, match="there is no folder __files beside it"):
        formats.read(other, "a", "mappings/deep/one.json")


def test_a_folder_of_mappings_is_served(root: Path) -> None:
    read(root, mapping("deep/hello.sse", MATCHED | {"bodyPatterns": PATTERNS}))
    store = Store(root)
    assert store.names == ["__files/answer", "__files/deep/hello", "mappings/deep/one", "secret"]
