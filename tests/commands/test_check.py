import io
import json
import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from respool import __version__
from respool.cli import main
from respool.play.pace import Pace
from respool.testing import RunningServer, running_server

ROOT = Path(__file__).parents[2]
HELLO = ROOT / "fixtures/text/hello.jsonl"
SEED = ROOT / "tests/data/seed/000_e5dbce17ebd499f1.txt"


def run(*args: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["check", *(str(arg) for arg in args)])
    return int(ended.value.code or 0)


@pytest.fixture
def cut(tmp_path: Path) -> Path:
    """A sound recording without its last event."""
    path = tmp_path / "cut.jsonl"
    path.write_text("\n".join(HELLO.read_text(encoding="utf-8").splitlines()[:-1]), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def running() -> Iterator[RunningServer]:
    with running_server(ROOT / "fixtures", pace=Pace(speed=math.inf)) as server:
        yield server


def test_a_sound_recording_has_no_findings(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(HELLO) == 0
    assert capsys.readouterr().out == "1 file, 1 stream, 63 events, 0 errors, 0 warnings, 0 infos\n"


def test_a_finding_is_told_with_its_line_level_and_code(
    cut: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(cut) == 1
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{cut}:63: error RS106: the stream ends without a terminal event; expected ")
    assert last == "1 file, 1 stream, 62 events, 1 error, 0 warnings, 0 infos"


def test_a_damaged_line_is_told_with_its_column_and_the_rest_is_checked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(SEED) == 1
    lines = capsys.readouterr().out.splitlines()
    assert f"{SEED}:8:1716: error RS001: expected the end of the line, but it goes on with" in lines[-2]
    assert lines[-1].startswith("1 file, 1 stream, 7 events, ")


def test_a_folder_is_checked_without_what_is_no_recording(
    cut: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (cut.parent / "README.md").write_text("# Recordings")
    (cut.parent / "below").mkdir()
    (cut.parent / "below" / "hello.jsonl").write_bytes(HELLO.read_bytes())
    assert run(cut.parent) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("2 files, 2 streams, 125 events, 1 error,")


def test_a_file_that_is_named_is_checked_whatever_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.md").write_text("# Recordings")
    assert run(tmp_path / "a.md") == 1
    assert "error RS001: in no format that Respool reads" in capsys.readouterr().out


def test_standard_input_is_checked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"type":"response.created"}')))
    assert run("-") == 1
    assert capsys.readouterr().out.startswith("<stdin>:1: error ")


def test_json_has_versions_totals_and_findings(cut: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(cut, "--format", "json") == 1
    report = json.loads(capsys.readouterr().out)
    assert report["versions"] == {"respool": __version__, "openai": None}
    assert report["totals"] == {
        "files": 1, "streams": 1, "events": 62, "errors": 1, "warnings": 0, "infos": 0
    }  # fmt: skip
    (finding,) = report["findings"]
    assert finding.pop("message").startswith("the stream ends without")
    place = {"path": str(cut), "line": 63, "column": None, "turn": 1, "event": None}
    assert finding == {**place, "code": "RS106", "level": "error"}


def test_github_gets_annotations(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a,b.jsonl"
    path.write_text('{"type":"response.created"\n')
    assert run(path, "--format", "github") == 1
    line, *_ = capsys.readouterr().out.splitlines()
    where = f"file={tmp_path}/a%2Cb.jsonl,line=1,col=27,title=RS001 a damaged line"
    assert line == f"::error {where}::not JSON: expecting ',' delimiter"


@pytest.mark.parametrize(
    ("options", "code", "shown"),
    [
        ([], 0, 0),
        (["--level", "info"], 0, 1),
        (["--level", "error"], 0, 0),
        (["--fail-on", "info"], 1, 0),
        (["--fail-on", "warning"], 0, 0),
    ],
)
def test_what_is_shown_and_what_fails_can_be_chosen(
    options: list[str], code: int, shown: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [json.dumps(json.loads(line)[1]) for line in HELLO.read_text(encoding="utf-8").splitlines()[1:]]
    (tmp_path / "a.sse").write_text("".join(f"data: {line}\n\n" for line in lines))
    assert run(tmp_path, *options) == code
    *findings, last = capsys.readouterr().out.splitlines()
    assert len(findings) == shown
    assert all("info RS003: 63 of 63 events have no event: line" in finding for finding in findings)
    assert last.endswith("0 errors, 0 warnings, 1 info")


def test_an_event_line_that_names_another_type_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.sse").write_text('event: response.in_progress\ndata: {"type":"response.created"}\n\n')
    assert run(tmp_path) == 1
    expected = 'the event: line says "response.in_progress", expected the type response.created'
    assert f"a.sse:2: error RS002: {expected}" in capsys.readouterr().out


def test_the_sdk_is_named_where_it_validates_the_fields(capsys: pytest.CaptureFixture[str]) -> None:
    from openai import __version__ as sdk

    assert run(ROOT / "fixtures/images/echidna.jsonl", "--schema", "--level", "info") == 0
    first, last = capsys.readouterr().out.splitlines()
    field = "response.usage.input_tokens_details.cache_write_tokens"
    assert first.endswith(f"info RS651: response.completed: {field}: field required")
    assert last == f"1 file, 1 stream, 16 events, 0 errors, 0 warnings, 1 info, fields by openai {sdk}"


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/responses", "/r/text/hello/v1"])
def test_a_live_server_is_checked(
    path: str, running: RunningServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(running.url + path, "--model", "text/hello") == 0
    assert capsys.readouterr().out == "1 file, 1 stream, 63 events, 0 errors, 0 warnings, 0 infos\n"


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["URL/v1", "--model", "errors/rate_limit"], 1, "URL/v1/responses: status 429: Rate limit"),
        (["URL/v1", "--model", "nope"], 1, "URL/v1/responses: status 404: No recording matches: no"),
        (["http://127.0.0.1:1/v1"], 1, "http://127.0.0.1:1/v1/responses: [Errno 111] Connection refused"),
        (["nowhere"], 2, "nowhere: no such file or folder"),
        ([], 2, "missing argument"),
        (["URL/v1", "-H", "nonsense"], 2, "invalid value for '--header': 'nonsense' is no header"),
    ],
)  # fmt: skip
def test_what_cannot_be_checked_is_one_line_on_stderr(
    args: list[str], code: int, message: str, running: RunningServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*(arg.replace("URL", running.url) for arg in args)) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"respool: {message.replace('URL', running.url)}")
    assert err.count("\n") == 1


def test_a_header_is_sent_to_a_live_server(
    running: RunningServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(running.url + "/v1", "-H", "x-respool-play: tools/web_search") == 0
    assert capsys.readouterr().out.startswith("1 file, 1 stream, 31 events")


def test_a_check_of_nothing_is_no_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "README.md").write_text("# Recordings\n")
    assert run(tmp_path) == 2
    assert "nothing to check" in capsys.readouterr().err


def test_files_of_a_folder_that_are_passed_over_are_named_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "hello.jsonl").write_bytes(HELLO.read_bytes())
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "saved.txt").write_bytes(HELLO.read_text("utf-8").encode("utf-16-le"))
    assert run(tmp_path) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("1 file, ")
    assert printed.err.splitlines() == [
        "2 files not read",
        f"  {tmp_path / 'saved.txt'}: UTF-16 (little endian) without a byte order mark; save it as UTF-8",
        f"  {tmp_path / 'notes.txt'}: no recording",
    ]


def test_a_folder_that_may_not_be_entered_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "hello.jsonl").write_bytes(HELLO.read_bytes())
    closed = tmp_path / "closed"
    closed.mkdir()
    scan = os.scandir

    def refusing(path: str) -> object:
        if str(path) == str(closed):
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert run(tmp_path) == 1
    assert f"{closed}: error RS001: cannot be read: permission denied" in capsys.readouterr().out
