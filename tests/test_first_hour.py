"""Mistakes of a first hour: a command, its exit code, and the line it prints.

Each runs in a folder with ``fixtures/`` (hello.jsonl, broken.jsonl), ``empty/`` and ``note.txt``.
"""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HELLO = (Path(__file__).parent.parent / "fixtures/text/hello.jsonl").read_text("utf-8")
CREATED = (
    '{"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response",'
    '"status":"in_progress","output":[]}}'
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("first")
    (top / "fixtures").mkdir()
    (top / "empty").mkdir()
    (top / "fixtures/hello.jsonl").write_text(HELLO, "utf-8")
    (top / "fixtures/broken.jsonl").write_text("{\n")
    (top / "note.txt").write_text("no recording\n")
    return top


@pytest.fixture(scope="module")
def taken() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield str(sock.getsockname()[1])


def run(place: Path, command: str, **environment: str) -> tuple[int, str, str]:
    done = subprocess.run(
        ["sh", "-c", command.replace("respool", f"{sys.executable} -m respool", 1)],
        cwd=place,
        capture_output=True,
        timeout=60,
        env={**os.environ, "PYTHONIOENCODING": "", **environment},
    )
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


MISTAKES = [
    ("respool serev", 2, "respool: no command or folder serev; did you mean serve?; see 'respool --help'"),
    ("respool chekc fixtures", 2, "respool: no command or folder chekc; did you mean check?"),
    ("respool fixture", 2, "respool: fixture: no such file or folder"),
    ("respool serve nothing/", 2, "respool: nothing: no such file or folder"),
    ("respool fixtures --prot 8080", 2, "respool: no such option"),
    ("respool fixtures --port 99999", 2, "'99999', expected a port from 0 to 65535"),
    ("respool fixtures --port TAKEN", 1, "address already in use; --port takes another one, --port 0"),
    ("respool fixtures --host ''", 2, "respool: host is empty; expected 127.0.0.1"),
    ("respool fixtures --host no.such.invalid", 1, "respool: cannot listen on no.such.invalid:8080: "),
    ("respool fixtures --speed fast", 2, "'fast', expected a factor above 0, or instant"),
    ("respool fixtures --default helo", 2, "respool: default is helo, but no recording has that name; near"),
    ("respool fixtures --fault abrt", 2, "no fault is named abrt: did you mean abort?"),
    ("respool fixtures --allow-host http://a", 2, "respool: allow-host is 'http://a', expected a name"),
    ("respool fixtures --fail-on-refused", 1, "respool: files that cannot be used: 1; the first: fixtures/"),
    ("RESPOOL_API_KEY= respool fixtures", 2, "respool: RESPOOL_API_KEY is empty; unset it to serve without"),
    ("cd empty; respool serve", 2, "respool: no PATHS are given, and here is no folder fixtures"),
    ("respool list nowhere", 2, "respool: nowhere: no such file or folder"),
    ("respool list", 1, "refused fixtures/broken.jsonl:1:2: "),
    ("respool check", 2, "respool: missing argument 'PATH|URL|-...'"),
    (
        "respool check empty",
        2,
        "respool: empty: nothing to check, no recording in it",
    ),
    ("respool check nowhere", 2, "respool: nowhere: no such file or folder"),
    ("respool check http://127.0.0.1:TAKEN/nothing --timeout 0.2", 1, "timed out"),
    ("respool check fixtures/broken.jsonl", 1, "fixtures/broken.jsonl:1:2: error RS001: "),
    ("respool show fixtures helo", 2, "respool: no recording is called helo; nearest: hello"),
    ("respool explain RS999", 2, "respool: no finding has the code RS999; 'respool explain' lists them all"),
    ("respool repair fixtures/hello.jsonl", 2, "respool: expected OUT, or --in-place"),
    (
        "respool script fixtures/nothing.jsonl",
        2,
        "respool: fixtures/nothing.jsonl: no such file",
    ),
    ("respool new ../up", 2, "is no name: expected words parted by /"),
    ("respool new \"$(printf 'a\\nb')\"", 2, "is no name: expected words parted by /"),
    ("respool new $(printf 'a%.0s' $(seq 300))", 2, "file name too long"),
    ("respool new x --tool 'f:{'", 2, "the arguments of f are not JSON: "),
    ("respool new x --tool 'f:{\"a\":1e999}'", 2, "1e999 is too large a number"),
    ("respool bench", 2, "respool: nothing says what to play; expected --recording NAME"),
    (
        "respool drill fixtures --recording hello --timeout nan -- true",
        2,
        "'nan', expected seconds, 0 or more",
    ),
    ("respool list fixtures/hello.jsonl > /dev/full", 1, "respool: cannot write: no space left on device"),
]


@pytest.mark.parametrize(("command", "code", "line"), MISTAKES, ids=[row[0] for row in MISTAKES])
def test_a_mistake_is_one_line_and_an_exit_code(
    command: str, code: int, line: str, place: Path, taken: str
) -> None:
    got, out, err = run(place, command.replace("TAKEN", taken))
    assert line in f"{out}\n{err}"
    assert got == code
    assert "Traceback" not in err
    assert len(err.splitlines()) <= 1


@pytest.mark.parametrize(
    ("command", "out"),
    [
        ("respool help", "Usage: respool"),
        ("respool help serve", "Usage: respool serve"),
        ("respool list fixtures/hello.jsonl", "hello"),
        ("respool check fixtures/hello.jsonl", "0 errors"),
        ("respool show fixtures/hello.jsonl", "completed"),
        ("respool check fixtures | head -1", "broken.jsonl:1:2: error RS001"),
        ("respool list --names fixtures | head -1", "hello"),
    ],
)
def test_what_is_no_mistake_works(command: str, out: str, place: Path) -> None:
    got, printed, err = run(place, command)
    assert (got, err) == (0, "")
    assert out in printed


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
@pytest.mark.parametrize(
    "command", ["respool show fixtures/hello.jsonl", "respool list", "respool check fixtures", "respool help"]
)
def test_a_console_without_utf_8_gets_plain_characters(command: str, encoding: str, place: Path) -> None:
    _, out, err = run(place, command, PYTHONIOENCODING=encoding)
    assert out.isascii()
    assert "Traceback" not in err


def test_a_timeline_is_drawn_plainly_where_it_must(place: Path) -> None:
    _, out, _ = run(place, "respool show fixtures/hello.jsonl", PYTHONIOENCODING="ascii")
    assert "#" in out or "\\u2588" not in out


@pytest.mark.parametrize(
    "command", ["list --names x", "list x", "check x", "show x", "repair x/A o.jsonl", "script x/A"]
)
def test_no_escape_of_a_recording_reaches_a_terminal(command: str, tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    bad = {"type": "response.\x1b[31m\u202ered", "sequence_number": 1, "response": {"id": "\x1b]0;a\x07"}}
    header = {"respool": 1, "note": "\x1b[31m\u202enote"}
    lines = [json.dumps(header), CREATED, json.dumps(bad)]
    name = "\x1b[31m\u202e\nname.jsonl"
    (tmp_path / "x" / name).write_text("\n".join(lines))
    (tmp_path / "x" / "A").write_text("\n".join(lines))
    _, out, err = run(tmp_path, f"respool {command}")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", out + err)


def test_uvicorn_without_the_folder_is_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "uvicorn", "respool.asgi:app", "--port", "0"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert (
        done.stderr.splitlines()[-1]
        == "respool: fixtures: no such file or folder; RESPOOL_PATHS names others"
    )
