import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import httpx2
import pytest

from respool import __version__
from respool.cli import cli, main
from respool.commands import COMMANDS
from respool.commands.param_types import GAP, SPEED, OptionParam, Port
from respool.option_types import SIZE

ROOT = Path(__file__).parent.parent
CREATED = '{"type":"response.created","response":{"id":"resp_1"}}'
COMPLETED = '{"type":"response.completed","response":{"id":"resp_1","status":"completed"}}'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "hello.jsonl").write_text(
        f'{{"respool":1,"note":"a [bold] note"}}\n[0.5, {CREATED}]\n[1.25, {COMPLETED}]\n{CREATED}\n'
    )
    (tmp_path / "limit.jsonl").write_text('{"respool":1,"status":429,"body":{"error":{}}}\n')
    (tmp_path / "broken.jsonl").write_text(f"{CREATED}\n{COMPLETED}}}\n")
    return tmp_path


def run(*args: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(arg) for arg in args])
    return int(ended.value.code or 0)


@contextmanager
def serving(
    *args: str | Path, env: dict[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server in a process of its own, and its URL, once it listens."""
    command = [sys.executable, "-m", "respool", *map(str, args)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            first = read_line(process.stdout.fileno())
            found = re.search(r"http://\S+", first)
            assert found, (first, process.communicate(timeout=10))
            yield process, found.group()
        finally:
            process.kill()


def read_line(file: int) -> str:
    """Byte by byte: a buffer would keep from `communicate` what came with the line."""
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(file, 1)):
        line += byte
    return line.decode()


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out == f"respool {__version__}\n"


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["nowhere"], 2, "respool: nowhere: no such file or folder"),
        (["list", "nowhere"], 2, "respool: nowhere: no such file or folder"),
        (["list"], 2, "respool: no PATHS are given, and here is no folder fixtures; see 'respool --help'"),
        ([".", "--speed", "fast"], 2, "respool: invalid value for '--speed': 'fast', expected a factor"),
        ([".", "--speed", "0"], 2, "respool: invalid value for '--speed': '0', expected a factor"),
        ([".", "--gap", "often"], 2, "respool: invalid value for '--gap': 'often', expected seconds, 0"),
        ([".", "--ttft", "-1"], 2, "respool: invalid value for '--ttft': '-1', expected seconds, 0"),
        ([".", "--max-body", "1X"], 2, "respool: invalid value for '--max-body': '1X', expected bytes, as"),
        ([".", "--port", "65536"], 2, "respool: invalid value for '--port': '65536', expected a port from"),
        ([".", "--api-key", "two words"], 2, "respool: an API key is empty or has characters that no header"),
        ([".", "--validate-requests", "all"], 2, "respool: invalid value for '--validate-requests': 'all'"),
        ([".", "--on-unknown-id", "x"], 2, "respool: invalid value for '--on-unknown-id': 'x' is not one of"),
        ([".", "--nonsense"], 2, "respool: no such option '--nonsense'"),
        ([".", "--default", "text/helo"], 2, "respool: default is text/helo, but no recording has"),
        ([".", "--port", "0", "--host", "192.0.2.1"], 1, "respool: cannot listen on 192.0.2.1:0: "),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_one_line_on_stderr_and_an_exit_code(
    args: list[str],
    code: int,
    message: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folder)
    assert run(*args) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(message)
    assert err.count("\n") == 1


def test_a_port_that_is_taken_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(folder, "--port", "0") as (_, url):
        port = url.rpartition(":")[2]
        assert run(folder, "--port", port) == 1
    hint = "--port takes another one, --port 0 any that is free"
    assert (
        capsys.readouterr().err
        == f"respool: cannot listen on 127.0.0.1:{port}: address already in use; {hint}\n"
    )


def test_list_shows_recordings_and_refusals(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list", folder) == 1, "a file is refused"
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(maxsplit=5) for line in lines[:3]] == [
        ["name", "turns", "events", "seconds", "ends", "note"],
        ["limit", "1", "0", "-", "429"],
        ["text/hello", "2", "3", "1.75", "completed,", "cut  a [bold] note"],
    ]
    assert lines[3:] == [
        f"refused {folder}/broken.jsonl:2:78: expected the end of the line, but it goes on with }}"
    ]


def test_list_can_print_names_only(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list", folder, "--names") == 0
    assert capsys.readouterr().out == "limit\ntext/hello\n"


def test_serve_is_the_default_command_and_says_where_it_listens(folder: Path) -> None:
    with serving(folder, "--port", "0", "--speed", "instant") as (process, url):
        assert httpx2.get(f"{url}/healthz").json() == {"status": "ok", "recordings": 2, "refused": 1}
        answer = httpx2.post(f"{url}/r/text/hello/v1/responses", json={"stream": True})
        process.send_signal(signal.SIGTERM)
        # Not by communicate(), which loses what came with the first line.
        assert process.stdout is not None
        assert process.stderr is not None
        out, err = process.stdout.read(), process.stderr.read()
    assert answer.text == (
        f"event: response.created\ndata: {CREATED}\n\nevent: response.completed\ndata: {COMPLETED}\n\n"
    )
    assert out.splitlines() == [
        "serving 2 recordings, refused 1",
        f"refused {folder}/broken.jsonl:2:78: expected the end of the line, but it goes on with }}",
        f"""try: curl -N {url}/r/text/hello/v1/responses -d '{{"stream": true}}'""",
    ]
    assert [line.split(maxsplit=1)[1].rpartition(" ")[0] for line in err.splitlines()] == [
        "POST /r/text/hello/v1/responses 200 text/hello 2 events",
    ]


def test_the_printed_curl_line_works_as_it_stands(folder: Path) -> None:
    with serving(folder, "--port", "0", "--default", "text/hello", "--speed", "instant") as (process, _):
        assert process.stdout is not None
        line = next(line for line in process.stdout if line.startswith("try: "))
        run = subprocess.run(
            line.removeprefix("try: "), shell=True, capture_output=True, text=True, timeout=30
        )
    assert CREATED in run.stdout


def test_options_come_from_the_environment_too(folder: Path) -> None:
    env = {"RESPOOL_PATHS": str(folder), "RESPOOL_PORT": "0", "RESPOOL_MAX_BODY": "10", "RESPOOL_QUIET": "1"}
    with serving(env=env) as (process, url):
        assert httpx2.post(f"{url}/v1/responses", json={"model": "text/hello"}).status_code == 413
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=30)[1] == ""


def test_faults_are_given_as_often_as_you_like(folder: Path) -> None:
    options = ["--fault", "status(code=503, times=1)", "--fault", "close(after=1); comments(text=x)"]
    with serving(folder, "--port", "0", "--speed", "instant", *options) as (_, url):
        answers = [httpx2.post(f"{url}/r/text/hello/v1/responses", json={"stream": True}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [503, 200]
    assert answers[1].text == f"event: response.created\ndata: {CREATED}\n\n: x\n\n"


def test_a_server_may_take_no_faults_from_requests(folder: Path) -> None:
    with serving(folder, "--port", "0", "--no-request-faults") as (_, url):
        headers = {"x-respool-fault": "abort"}
        answer = httpx2.post(f"{url}/r/text/hello/v1/responses", json={"stream": True}, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "faults_not_allowed")


def test_a_fault_that_is_not_understood_is_wrong_usage(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, "--fault", "abrt") == 2
    assert "no fault is named abrt: did you mean abort?" in capsys.readouterr().err


def test_a_folder_without_recordings_is_served_for_what_may_come(tmp_path: Path) -> None:
    with serving(tmp_path, "--port", "0", "--reload") as (_, url):
        answer = httpx2.post(f"{url}/v1/responses", json={"model": "x"})
    assert answer.status_code == 404
    assert "There are no recordings at all." in answer.json()["error"]["message"]


def test_ctrl_c_ends_the_server_without_a_traceback(folder: Path) -> None:
    with serving(folder, "--port", "0") as (process, url):
        httpx2.get(f"{url}/healthz")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
        assert process.returncode == 130
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("1000", 1000), ("1k", 1024), ("2KB", 2048), ("32M", 32 << 20), ("1GiB", 1 << 30)],
)
def test_sizes_are_read_with_their_units(text: str, size: int) -> None:
    assert OptionParam(SIZE).convert(text, None, None) == size


def test_what_kubernetes_sets_for_a_service_of_our_name_is_no_port() -> None:
    assert Port().convert("tcp://10.0.0.1:80", None, None) == 8080
    assert Port().convert("0", None, None) == 0


def test_words_stand_for_values() -> None:
    assert GAP.convert("typical", None, None) == "typical"
    assert GAP.convert("0.5", None, None) == 0.5
    assert SPEED.convert("instant", None, None) == float("inf")


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_and_option_is_documented_and_has_help_with_examples(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    page = (ROOT / "docs" / "cli.md").read_text()
    assert f"## respool {name}" in page
    assert command.help
    assert "Examples:" in (command.epilog or "")
    for param in command.params:
        if isinstance(param, click.Option):
            assert param.help, param.name
            assert f"`{param.opts[0]}" in page, param.opts[0]


@pytest.mark.parametrize(
    ("words", "completed"), [("respool se", "plain,serve"), ("respool serve --spe", "plain,--speed")]
)
def test_a_shell_completes_commands_and_options(words: str, completed: str) -> None:
    completion = {
        "_RESPOOL_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
    }
    command = [sys.executable, "-c", "from respool.cli import main; main()"]
    done = subprocess.run(
        command, env={**os.environ, **completion}, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.splitlines() == [completed]
