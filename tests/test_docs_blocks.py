"""Every fenced block of README and docs is run by a test, or stands in NOT_RUN with the reason."""

import asyncio
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from openai import OpenAI

from respool import Pace, running_server
from respool.match.stubs_file import read_stubs
from respool.protocol.events import Event
from respool.recordings import formats
from respool.testing import RunningServer

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
_INSTANT = Pace(speed=float("inf"))

# Blocks that the tests of this module run.
HERE = {
    ("README.md", "python"),
    ("README.md", "yaml"),
    ("docs/admin.md", "python"),
    ("docs/checks.md", "python"),
    ("docs/ci.md", "js"),
    ("docs/ci.md", "python"),
    ("docs/ci.md", "yaml"),
    ("docs/control.md", "python"),
    ("docs/docker.md", "yaml"),
    ("docs/drill.md", "text"),
    ("docs/node.md", "js"),
    ("docs/start.md", "js"),
    ("docs/start.md", "python"),
    ("docs/stubs.md", "python"),
    ("docs/websocket.md", "python"),
}
# Blocks that other tests run: page, language, and the file of the test, which names the page.
ELSEWHERE = {
    ("README.md", "jsonl"): "tests/test_docs.py",
    ("docs/format.md", "jsonl"): "tests/test_docs.py",
    ("docs/faults.md", "python"): "tests/faults/test_docs.py",
    ("docs/matching.md", "yaml"): "tests/match/test_docs.py",
    ("docs/pytest.md", "ini"): "tests/test_docs.py",
    ("docs/pytest.md", "python"): "tests/test_docs.py",
    ("docs/python-api.md", "python"): "tests/test_docs.py",
    ("docs/recording.md", "python"): "tests/record/test_redaction.py",
    ("docs/scripts.md", "yaml"): "tests/recordings/formats/test_script.py",
    ("docs/stubs.md", "yaml"): "tests/match/test_docs.py",
    ("docs/architecture.md", "mermaid"): "tests/protocol/test_transitions.py",
}
NOT_RUN = {
    ("docs/admin.md", "console"): "curl against a server that has been asked; /verify has tests of its own",
    ("docs/admin.md", "text"): "an error's words: tests/server/test_verify.py compares such",
    ("docs/cli.md", "text"): "what a command prints: tests/test_show.py runs it and compares",
    (
        "docs/scripts.md",
        "text",
    ): "mistakes; tests/recordings/formats/test_script.py has such",
    ("docs/ci.md", "dockerfile"): "an image whose base is built by make image-test",
}


def blocks(page: Path) -> list[tuple[str, str]]:
    """Language and text of each block."""
    return re.findall(r"^```(\w+)\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def block(name: str, language: str, number: int = 0) -> str:
    return [text for kind, text in blocks(ROOT / name) if kind == language][number]


def test_every_block_is_run_or_has_a_reason() -> None:
    found = {(page.relative_to(ROOT).as_posix(), language) for page in PAGES for language, _ in blocks(page)}
    assert found == {*HERE, *ELSEWHERE, *NOT_RUN}
    for (page, _), test in ELSEWHERE.items():
        text = (ROOT / test).read_text("utf-8")
        assert Path(page).name in text or "glob" in text


@pytest.fixture
def server() -> Iterator[RunningServer]:
    with running_server(ROOT / "fixtures", pace=_INSTANT, default="tools/get_weather") as running:
        yield running


@pytest.fixture
def client(server: RunningServer) -> Iterator[OpenAI]:
    with OpenAI(base_url=server.base_url, api_key="any", max_retries=0) as client:
        yield client


def run(text: str, **names: Any) -> dict[str, Any]:
    exec(text, names)
    return names


def asking(base_url: str) -> Callable[[], None]:
    """What begins to ask for a stream, in a thread, and takes it until it ends."""

    def ask() -> None:
        with OpenAI(base_url=base_url, api_key="any", max_retries=0) as client:
            try:
                list(client.responses.create(model="text/hello", input="Hi", stream=True))
            except Exception:  # it is cut
                return

    return lambda: threading.Thread(target=ask, daemon=True).start()


def test_the_lines_of_the_readme(server: RunningServer, client: OpenAI) -> None:
    line = block("README.md", "python", 1).replace("http://127.0.0.1:8080", server.url)
    weather = run(line, OpenAI=OpenAI)["client"]
    assert weather.responses.create(model="m", input="Weather?").output[0].name == "get_weather"
    ended = run(block("README.md", "python", 2), client=client, time=time)["response"]
    assert ended.status == "completed"
    held = block("README.md", "python", 3).replace("...", "ask()", 1)
    run(held, server=server, ask=asking(server.base_url))
    assert server.requests.last.ended == "cut by hand"
    [stubs, script] = [text for kind, text in blocks(ROOT / "README.md") if kind == "yaml"]
    assert len(list(read_stubs(stubs.encode(), "stubs.yaml"))) == 2
    [turn] = formats.read(script.encode(), "a", "a.script.yaml")
    assert turn.events


def test_the_lines_on_control(server: RunningServer) -> None:
    first = block("docs/control.md", "python", 0)
    page = SimpleNamespace(locator=lambda css: SimpleNamespace(is_visible=lambda: True))
    first = first.replace('running_server("fixtures")', "nullcontext(server)").replace("...", "ask()", 1)
    from contextlib import nullcontext

    run(
        first.replace("from respool import running_server\n", ""),
        nullcontext=nullcontext,
        server=server,
        ask=asking(server.base_url),
        page=page,
    )
    assert server.requests.last.ended == "cut by hand"
    with running_server(ROOT / "fixtures") as paced:
        moves = block("docs/control.md", "python", 2)
        moves = moves.replace("server.clock.advance(to", "ask()\nserver.clock.advance(to")
        run(moves, server=paced, ask=asking(paced.base_url))
        assert paced.server.session("checkout").clock.mode == "auto"
    lines = textwrap.indent(block("docs/control.md", "python", 1).replace("...", "ask()", 1), "    ")
    called = run(f"async def main():\n{lines}", server=server, ask=asking(server.base_url))
    asyncio.run(called["main"]())
    assert server.server.session().clock.frozen


def test_the_lines_on_what_was_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fixtures").mkdir()
    shutil.copy(ROOT / "fixtures/tools/get_weather.jsonl", tmp_path / "fixtures")
    monkeypatch.chdir(tmp_path)

    def ask() -> None:
        url = names["running"].base_url
        question = {"role": "user", "content": "What is the weather?"}
        with OpenAI(base_url=url, api_key="any") as client:
            headers = {"x-respool-session": "checkout"}
            made = client.responses.create(model="gpt-5", input=[question], extra_headers=headers)
            call = made.output[0].to_dict()
            output = {"type": "function_call_output", "call_id": call["call_id"], "output": "sunny"}
            client.responses.create(model="other", input=[question, call, output])

    names: dict[str, Any] = {"running_server": running_server, "ask": ask}
    exec(block("docs/admin.md", "python").replace("...", "ask()", 1), names)


def test_the_lines_on_checks() -> None:
    [turn] = formats.read((ROOT / "fixtures/text/hello.jsonl").read_bytes(), "a", "a.jsonl")
    events: list[Event] = [timed.event for timed in turn.events]
    assert run(block("docs/checks.md", "python"), events=events)["findings"] == []
    assert run(block("docs/checks.md", "python"), events=events[1:])["findings"]


def test_the_lines_on_stubs(server: RunningServer, client: OpenAI) -> None:
    run(block("docs/stubs.md", "python"), server=server.server)
    headers = {"x-respool-session": "my test"}
    assert client.responses.create(model="m", input="Hi", extra_headers=headers).output_text == "Hi"


def test_the_lines_on_websockets(server: RunningServer, client: OpenAI) -> None:
    text = block("docs/websocket.md", "python")
    text = text.replace("...", 'if event.type == "response.completed": break')
    assert run(text, client=client)["event"].response.output_text.startswith("Hello!")


def test_the_test_of_the_start(tmp_path: Path) -> None:
    (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
    (tmp_path / "test_start.py").write_text(block("docs/start.md", "python"))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:schemathesis", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert "1 passed" in done.stdout, done.stdout


@pytest.mark.parametrize(("page", "told"), [("docs/node.md", "completed 1"), ("docs/start.md", "completed")])
def test_the_programs_for_node(page: str, told: str, tmp_path: Path) -> None:
    if shutil.which("node") is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("node is not installed")
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules/respool").symlink_to(ROOT / "clients/node")
    (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
    (tmp_path / "program.mjs").write_text(block(page, "js"))
    done = subprocess.run(
        ["node", "program.mjs"],
        cwd=tmp_path,
        env={**os.environ, "RESPOOL_COMMAND": f"{sys.executable} -m respool"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.strip() == told, done.stderr


def test_the_settings_of_vitest_name_what_the_package_exports() -> None:
    exports = json.loads((ROOT / "clients/node/package.json").read_text())["exports"]
    [name] = re.findall(r'globalSetup: "respool(/\w+)"', block("docs/node.md", "js", 1))
    assert f".{name}" in exports


@pytest.mark.parametrize("page", ["docs/ci.md", "docs/docker.md"])
def test_the_files_for_ci_and_compose_have_the_shape_that_they_need(page: str) -> None:
    found = [yaml.safe_load(text) for kind, text in blocks(ROOT / page) if kind == "yaml"]
    assert found
    for file in found:
        if "services" in file:  # compose
            service = file["services"]["respool"]
            assert service["image"]
            for other in file["services"].values():
                assert set(other.get("depends_on", {})) <= set(file["services"])
        elif "steps" in file:  # GitHub: its inputs are those of the action
            inputs = yaml.safe_load((ROOT / "action.yml").read_text())["inputs"]
            [ours] = [step for step in file["steps"] if "respool" in step["uses"]]
            assert set(ours["with"]) <= set(inputs)
        elif "jobs" in file:
            [job] = file["jobs"].values()
            [port] = job["services"]["respool"]["ports"]
            assert job["env"]["OPENAI_BASE_URL"] == f"http://127.0.0.1:{port.partition(':')[0]}/v1"
        else:  # GitLab
            [job] = file.values()
            [service] = job["services"]
            assert job["variables"]["OPENAI_BASE_URL"] == f"http://{service['alias']}:8080/v1"
            assert job["script"]


def test_the_examples_for_testcontainers_are_programs(tmp_path: Path) -> None:
    """No engine runs containers here, so they are not run. Port, path and volume are those of the image."""
    python, js = block("docs/ci.md", "python"), block("docs/ci.md", "js")
    compile(python, "docs/ci.md", "exec")
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    for text in (python, js):
        assert "8080" in text
        assert "/healthz" in text
        assert "/fixtures" in text
    assert "EXPOSE 8080" in dockerfile
    assert "/fixtures" in dockerfile
    if shutil.which("node"):
        (tmp_path / "a.mjs").write_text(js)
        subprocess.run(["node", "--check", "a.mjs"], cwd=tmp_path, check=True)


def test_the_drill_that_is_shown_has_these_verdicts() -> None:
    command, *shown = block("docs/drill.md", "text").splitlines()
    words = shlex.split(command.removeprefix("$ respool").replace("-- python", f"-- {sys.executable}"))
    done = subprocess.run(
        [sys.executable, "-m", "respool", *words], cwd=ROOT, capture_output=True, text=True, timeout=200
    )

    def verdicts(lines: list[str]) -> list[list[str]]:
        """Case and verdict of each, and the line at the end; times differ."""
        return [line.split()[:2] for line in lines if line.startswith("  ")] + [lines[-1:]]

    assert verdicts(done.stdout.splitlines()) == verdicts(shown)
