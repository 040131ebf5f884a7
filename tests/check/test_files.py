"""Files and live servers, checked."""

# ruff: noqa: UP031  (braces of JSON)

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from respool.check import files
from respool.check.files import check_data, check_file, check_url
from respool.check.findings import Level
from respool.errors import RespoolError

HELLO = (Path(__file__).parent.parent.parent / "fixtures/text/hello.jsonl").read_bytes()
CREATED = (
    '{"type":"response.created","sequence_number":0,"response":{"id":"resp_1","status":"in_progress",%s}}'
)


def found(data: bytes, path: str = "a.jsonl") -> list[tuple[str, int | None, int | None, Level]]:
    findings = check_data(data, path).findings
    return [(one.finding.code, one.line, one.column, one.finding.level) for one in findings]


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("before", ["", "[0.5, "])
def test_a_number_that_json_has_not_is_an_error_with_its_place(word: str, before: str) -> None:
    line = before + CREATED % f'"user":"NaN","temperature":{word},"output":[]' + ("]" if before else "")
    assert ("RS005", 2, line.index(f":{word}") + 2, Level.ERROR) in found(f"# a\n{line}\n".encode())


def test_a_text_that_speaks_of_nan_is_no_number() -> None:
    line = CREATED % r'"user":"NaN, \" Infinity","output":[]'
    assert "RS005" not in {code for code, *_ in found(line.encode())}


def test_the_same_nan_is_no_difference() -> None:
    item = '{"id":"m","type":"message","role":"assistant","status":"%s","x":NaN,"content":[]}'
    lines = [
        CREATED % '"output":[]',
        '{"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":%s}'
        % (item % "in_progress"),
        '{"type":"response.output_item.done","sequence_number":2,"output_index":0,"item":%s}'
        % (item % "completed"),
        '{"type":"response.completed","sequence_number":3,"response":{"id":"resp_1","status":"completed",'
        '"output":[%s]}}' % (item % "completed"),
    ]
    assert "RS408" not in {code for code, *_ in found("\n".join(lines).encode())}


def test_an_error_that_skips_the_end_that_was_not_sent_is_a_warning() -> None:
    error = {"type": "error", "sequence_number": 2, "error": {"type": "server_error", "code": None}}
    created = CREATED % '"output":[]'
    lines = f"{created}\n{json.dumps(error)}"
    levels = {code: level for code, _, _, level in found(lines.encode())}
    assert levels["RS202"] is Level.WARNING


def program(fingerprint: str) -> str:
    return json.dumps({"id": "p", "type": "program", "status": "completed", "fingerprint": fingerprint})


def test_a_fingerprint_is_made_anew() -> None:
    lines = [
        CREATED % '"output":[]',
        '{"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":%s}' % program("a"),
        '{"type":"response.output_item.done","sequence_number":2,"output_index":0,"item":%s}' % program("b"),
        '{"type":"response.completed","sequence_number":3,"response":{"id":"resp_1","output":[%s]}}'
        % program("c"),
    ]
    assert "RS408" not in {code for code, *_ in found("\n".join(lines).encode())}


@pytest.mark.parametrize(("output", "how"), [("", "absent"), (',"output":[]', "empty")])
def test_an_output_is_said_to_be_absent_or_empty(output: str, how: str) -> None:
    events = [line for line in HELLO.decode().splitlines() if "output_item" in line]
    end = '{"type":"response.completed","sequence_number":9,"response":{"id":"resp_1"%s}}' % output
    report = check_data("\n".join([CREATED % '"output":[]', *events, end]).encode(), "a.jsonl")
    messages = [one.finding.message for one in report.findings if one.finding.code == "RS409"]
    assert messages == [f"response.completed: response.output is {how}, but 1 items have come"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_a_finding(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(HELLO)
    path.chmod(0)
    report = check_file(path, named=False)
    assert report is not None
    assert [one.finding.message for one in report.findings] == ["cannot be read: permission denied"]


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    for name in ("v.bin", "v.jsonl"):
        with open(tmp_path / name, "wb") as file:
            file.truncate(3 * 2**30)
    assert check_file(tmp_path / "v.bin", named=False) is None
    report = check_file(tmp_path / "v.jsonl", named=False)
    assert report is not None
    assert "3221225472 bytes, expected at most" in report.findings[0].finding.message


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n%b\r\n"
EVENT = b"data: " + (CREATED % '"output":[]').encode() + b"\n\n"


@contextmanager
def answering(*parts: bytes, then: bytes = b"", wait: bool = False) -> Iterator[str]:
    """Serve these bytes, then `then` for ever, and close; with `wait` only when the block ends."""
    end = threading.Event()

    def serve() -> None:
        client, _ = listening.accept()
        with client, suppress(OSError):
            client.recv(65536)
            for part in parts:
                client.sendall(part)
            while then and not end.is_set():
                client.sendall(then)
            if wait:
                end.wait(20)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        end.set()
        thread.join(20)


@pytest.mark.parametrize(
    "parts",
    [
        (HEAD % b"transfer-encoding: chunked\r\n", b"%x\r\n%b\r\n" % (len(EVENT), EVENT), b"40\r\nhalf"),
        (HEAD % b"content-length: 9999\r\n", EVENT),
        (HEAD % b"", EVENT),
    ],
    ids=["chunk", "length", "close"],
)
def test_a_stream_that_is_cut_is_checked_as_far_as_it_came(parts: tuple[bytes, ...]) -> None:
    with answering(*parts) as url:
        report = check_url(url, {}, {})
    assert report.events == 1
    assert "RS106" in {one.finding.code for one in report.findings}


@pytest.mark.parametrize("parts", [(), (b"HTTP/1.1 200 OK\r\n",), (b"nonsense\r\n\r\n",)])
def test_no_answer_is_one_line(parts: tuple[bytes, ...]) -> None:
    with answering(*parts) as url, pytest.raises(RespoolError, match=r"^http://"):
        check_url(url, {}, {})


def test_a_stream_without_end_is_read_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_STREAM", 1_000_000)
    with (
        answering(HEAD % b"", then=b": ping\n\n" * 5000) as url,
        pytest.raises(RespoolError, match="over 1000000"),
    ):
        check_url(url, {}, {})


def test_a_stream_that_takes_too_long_is_read_no_further() -> None:
    with (
        answering(HEAD % b"", EVENT, wait=True) as url,
        pytest.raises(RespoolError, match="in time, after "),
    ):
        check_url(url, {}, {}, timeout=0.2)
