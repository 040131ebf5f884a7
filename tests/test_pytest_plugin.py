"""The pytest plugin, as its users see it: each test runs another pytest."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from respool.recordings.store import Store
from respool.testing import RunningServer, running_server

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parent.parent

# What a user's tests begin with: a client made of the standard library alone.
CLIENT = """
import json, os, urllib.error, urllib.request
import pytest

def ask(base_url, text="Hello", **body):
    body = json.dumps({"model": "gpt-5", "input": text, **body}).encode()
    request = urllib.request.Request(base_url + "/responses", body)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)

def text_of(base_url, **body):
    status, response = ask(base_url, **body)
    assert status == 200, response
    return response["output"][-1]["content"][0]["text"]
"""
QUIET = (
    *("-p", "no:schemathesis", "-p", "no:cacheprovider"),
    *("-o", "asyncio_default_fixture_loop_scope=function"),
)


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with two recordings."""
    folder = pytester.mkdir("fixtures")
    (folder / "hello.script.yaml").write_text("text: Hello!\n")
    (folder / "two.script.yaml").write_text("turns: [{text: One.}, {text: Two.}]\n")
    return pytester


def run(project: pytest.Pytester, tests: str, *options: str) -> pytest.RunResult:
    project.makepyfile(CLIENT + tests)
    return project.runpytest_inprocess(*QUIET, *options)


def test_a_test_plays_recordings_of_the_folder_beside_it(project: pytest.Pytester) -> None:
    tests = """
def test_it(respool):
    respool.play("hello")
    assert text_of(respool.base_url) == "Hello!"
    assert text_of(respool.base_url_of("two")) == "One."
    assert text_of(respool.base_url_of("two#2")) == "Two."
    assert respool.requests.last.input_text == "Hello"
    respool.assert_called(times=3, model="gpt-5")
    assert not respool.unmatched
"""
    run(project, tests).assert_outcomes(passed=1)


def test_tests_share_a_server_and_nothing_else(project: pytest.Pytester) -> None:
    tests = """
ports = set()

@pytest.mark.parametrize("number", range(3))
def test_it(respool, number):
    assert len(respool.requests) == 0
    status, _ = ask(respool.base_url_of("hello"))
    assert len(respool.requests) == 1 and status == 200
    respool.fault("status(code=503)")
    assert ask(respool.base_url_of("hello"))[0] == 503
    ports.add(respool.url.partition("/s/")[0])

def test_there_was_one_server():
    assert len(ports) == 1
"""
    run(project, tests).assert_outcomes(passed=4)


def test_the_marker_says_what_is_played_and_how(project: pytest.Pytester) -> None:
    tests = """
@pytest.mark.respool("hello", fault="status(code=503, times=1)", env=True)
def test_without_naming_the_fixture():
    url = os.environ["OPENAI_BASE_URL"]
    assert os.environ["OPENAI_API_KEY"]
    assert ask(url)[0] == 503
    assert text_of(url) == "Hello!"

def test_the_environment_is_as_before():
    assert "/s/" not in os.environ.get("OPENAI_BASE_URL", "")

@pytest.mark.respool("two", fault=["status(code=500)"])
class TestClass:
    def test_of_the_class(self, respool):
        assert ask(respool.base_url)[0] == 500

    @pytest.mark.respool("hello", fault=())
    def test_its_own_marker_counts_more(self, respool):
        assert text_of(respool.base_url) == "Hello!"

    @pytest.mark.respool(script="text: From the marker.", fault=())
    def test_a_script(self, respool):
        assert text_of(respool.base_url) == "From the marker."
"""
    run(project, tests).assert_outcomes(passed=5)


def test_a_script_is_yaml_data_or_a_value(project: pytest.Pytester) -> None:
    tests = """
from respool import Script

SCRIPTS = {"yaml": "text: Hi.", "data": {"text": "Hi."}, "value": Script().message("Hi.")}

@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_it(respool, script):
    respool.script(script)
    assert text_of(respool.base_url) == "Hi."
"""
    run(project, tests).assert_outcomes(passed=3)


def test_a_request_that_nothing_answers_fails_the_test_and_says_why(project: pytest.Pytester) -> None:
    tests = """
def test_it(respool):
    ask(respool.url + "/r/helo/v1", "What is the weather?")
"""
    result = run(project, tests)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["The test has left a request that no recording answers:", "*/r/helo/v1/responses 404*"]
    )
    result.stdout.fnmatch_lines(["*input: What is the weather?", "*Nearest: hello.*"])


def test_of_a_test_that_fails_anyway_the_report_tells_what_nothing_answered(project: pytest.Pytester) -> None:
    tests = """
def test_it(respool):
    status, _ = ask(respool.url + "/r/helo/v1")
    assert status == 200
"""
    result = run(project, tests)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*assert 404 == 200*", "*respool call*", "*no recording answers:"])


@pytest.mark.parametrize(
    ("strict", "outcome"),
    [("off", {"passed": 2}), ("unmatched", {"passed": 1, "failed": 1}), ("all", {"failed": 2})],
)
def test_what_a_test_may_leave_behind_is_a_setting(
    project: pytest.Pytester, strict: str, outcome: dict[str, int]
) -> None:
    tests = """
def test_unmatched(respool):
    ask(respool.url + "/r/nothing/v1")

@pytest.mark.respool("two")
def test_unplayed(respool):
    ask(respool.base_url_of("two#1"))
"""
    result = run(project, tests, "-o", f"respool_strict={strict}")
    result.assert_outcomes(**outcome)
    if strict == "all":
        result.stdout.fnmatch_lines(["The test has not played:", "  two#2"])


def test_settings_come_from_the_ini_file(project: pytest.Pytester) -> None:
    (project.mkdir("elsewhere") / "there.script.yaml").write_text("text: There.\n")
    project.makeini("[pytest]\nrespool_fixtures = elsewhere\nrespool_env = true\nrespool_speed = 1000\n")
    tests = """
def test_it(respool):
    respool.play("there")
    assert text_of(os.environ["OPENAI_BASE_URL"]) == "There."
    assert respool.running.server.pace.speed == 1000

@pytest.mark.respool("there", speed=2)
def test_another_speed(respool):
    assert respool.running.server.pace.speed == 2
"""
    run(project, tests).assert_outcomes(passed=2)


def test_a_conftest_sets_the_folder(project: pytest.Pytester) -> None:
    (project.mkdir("elsewhere") / "there.script.yaml").write_text("text: There.\n")
    project.makeconftest(
        """
import pathlib, pytest

@pytest.fixture(scope="session")
def respool_fixtures():
    return pathlib.Path(__file__).parent / "elsewhere"
"""
    )
    tests = """
@pytest.mark.respool("there")
def test_it(respool):
    assert text_of(respool.base_url) == "There."
"""
    run(project, tests).assert_outcomes(passed=1)


def test_without_any_folder_scripts_are_played(pytester: pytest.Pytester) -> None:
    tests = """
def test_it(respool):
    respool.script("text: Hi.")
    assert text_of(respool.base_url) == "Hi."
"""
    run(pytester, tests).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ('"helo"', "respool: no recording is called helo; nearest: hello"),
        ('"hello", sped=1', "the marker respool takes no sped; did you mean speed?"),
        ('"hello", speed="fast"', "respool: speed is 'fast', expected a factor above 0, or instant"),
        ('"hello", fault="abrt"', "respool: *abrt*"),
        ('"hello", strict="very"', "respool_strict is 'very', expected off, unmatched, all"),
    ],
    ids=["name", "setting", "speed", "fault", "strict"],
)
def test_a_marker_that_makes_no_sense_is_one_line(
    project: pytest.Pytester, marker: str, message: str
) -> None:
    result = run(project, f"@pytest.mark.respool({marker})\ndef test_it(respool): pass\n")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([message])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_drill_is_a_test_for_each_case(project: pytest.Pytester) -> None:
    tests = """
import http.client

@pytest.mark.respool("hello")
def test_it(respool, respool_drill):
    try:
        ask(respool.base_url)
    except (OSError, ValueError, http.client.HTTPException):
        assert respool_drill.expect != "survive"
    assert len(respool.requests) == 1
"""
    result = run(project, tests, "-o", "respool_drill=abort,failed", "-v")
    names = [line for line in result.outlines if "test_it[" in line]
    assert len(names) == 2, result.outlines
    result.assert_outcomes(passed=2)


def test_asynchronous_tests_of_asyncio_and_anyio_have_sessions(project: pytest.Pytester) -> None:
    tests = """
import asyncio

async def in_thread(respool):
    assert await asyncio.to_thread(text_of, respool.base_url) == "Hello!"
    assert len(respool.requests) == 1

@pytest.mark.asyncio
@pytest.mark.respool("hello")
async def test_with_asyncio(respool):
    await in_thread(respool)

@pytest.mark.anyio
@pytest.mark.respool("hello")
async def test_with_anyio(respool):
    await in_thread(respool)

@pytest.mark.asyncio
@pytest.mark.respool(strict="unmatched")
async def test_that_fails(respool):
    await asyncio.to_thread(ask, respool.url + "/r/helo/v1")

@pytest.fixture
def anyio_backend():
    return "asyncio"
"""
    run(project, tests).assert_outcomes(passed=2, failed=1)


def test_the_marker_works_on_a_unittest_case(project: pytest.Pytester) -> None:
    tests = """
import unittest

@pytest.mark.respool("hello", env=True)
class Case(unittest.TestCase):
    def test_it(self):
        assert text_of(os.environ["OPENAI_BASE_URL"]) == "Hello!"

    def test_that_fails(self):
        ask(os.environ["OPENAI_BASE_URL"].replace("/v1", "/r/helo/v1"))
"""
    run(project, tests).assert_outcomes(passed=1, failed=1)


def test_each_worker_of_xdist_has_a_server(project: pytest.Pytester) -> None:
    project.makepyfile(
        CLIENT
        + """
@pytest.mark.respool("hello")
@pytest.mark.parametrize("number", range(4))
def test_it(respool, number):
    assert text_of(respool.base_url) == "Hello!"
    assert len(respool.requests) == 1
"""
    )
    result = project.runpytest_subprocess(*QUIET, "-n", "2")
    result.assert_outcomes(passed=4)


def test_faults_are_counted_by_test_under_xdist(project: pytest.Pytester) -> None:
    project.makepyfile(
        CLIENT
        + """
@pytest.mark.respool("hello", fault="status(code=503, times=1)")
@pytest.mark.parametrize("number", range(4))
def test_it(respool, number):
    assert [ask(respool.base_url)[0] for _ in range(3)] == [503, 200, 200]
"""
    )
    project.runpytest_subprocess(*QUIET, "-n", "2").assert_outcomes(passed=4)


RECORDED = """
def test_it(respool):
    assert text_of(respool.base_url, model="two", input="One, please.") == "One."
"""


@pytest.fixture
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("upstream")
    (folder / "two.script.yaml").write_text("turns: [{text: One.}, {text: Two.}]\n")
    with running_server(folder) as running:
        yield running


def record(pytester: pytest.Pytester, tests: str, url: str, *options: str) -> pytest.RunResult:
    pytester.makepyfile(CLIENT + tests)
    return pytester.runpytest_inprocess(*QUIET, "-o", f"respool_upstream={url}", *options)


def test_what_is_not_recorded_is_recorded_beside_the_test_file(
    pytester: pytest.Pytester, upstream: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "the-secret-key-4711")
    result = record(pytester, RECORDED, upstream.base_url, "--respool-record=once")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines([f"respool: recording (once) from {upstream.base_url}"])
    (file,) = pytester.path.rglob("*.jsonl")
    name = "test_what_is_not_recorded_is_recorded_beside_the_test_file"
    assert file.relative_to(pytester.path) == Path("recordings", name, "test_it.jsonl")
    assert b"the-secret-key-4711" not in file.read_bytes()
    (exchange,) = upstream.server.journal
    assert (b"authorization", b"Bearer the-secret-key-4711") in exchange.raw_headers
    monkeypatch.delenv("OPENAI_API_KEY")
    for options in ((), ("--respool-record=none",)):  # and then it is played, without key and upstream
        record(pytester, RECORDED, "http://127.0.0.1:9/v1", *options).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("mode", "outcome", "requests", "turns"),
    [("once", "failed", 0, 1), ("new_episodes", "passed", 1, 2), ("all", "passed", 2, 2)],
)
def test_a_test_that_asks_for_more_is_recorded_as_the_mode_says(
    mode: str,
    outcome: str,
    requests: int,
    turns: int,
    pytester: pytest.Pytester,
    upstream: RunningServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    record(pytester, RECORDED, upstream.base_url, "--respool-record=once").assert_outcomes(passed=1)
    (pytester.path / "recordings" / "other.script.yaml").write_text("text: Other.\n")
    upstream.reset()
    more = RECORDED + '    assert ask(respool.base_url, model="two", input="More?")[0] == 200\n'
    record(pytester, more, upstream.base_url, f"--respool-record={mode}").assert_outcomes(**{outcome: 1})
    assert len(upstream.requests) == requests
    (file,) = pytester.path.rglob("*.jsonl")
    assert len(Store(file).turns("test_it")) == turns


def test_what_the_ini_file_says_of_recording_is_not_for_ci(
    pytester: pytest.Pytester, upstream: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    monkeypatch.setenv("CI", "true")
    pytester.makeini("[pytest]\nrespool_record = once\n")
    record(pytester, RECORDED, upstream.base_url).assert_outcomes(failed=1)
    assert len(upstream.requests) == 0
    monkeypatch.delenv("CI")
    record(pytester, RECORDED, upstream.base_url).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--respool-record=once",), "*needs its key in OPENAI_API_KEY, which is not set*"),
        (("-o", "respool_record=sometimes"), "*respool_record is 'sometimes', expected none, once*"),
    ],
)
def test_what_is_missing_to_record_is_told(
    options: tuple[str, ...], problem: str, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("CI", raising=False)
    result = record(pytester, RECORDED, "http://127.0.0.1:9/v1", *options)
    pytest.LineMatcher([*result.outlines, *result.errlines]).fnmatch_lines([problem])


def test_an_answer_that_cannot_be_recorded_fails_its_test(
    pytester: pytest.Pytester, upstream: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    folder = pytester.mkdir("recordings")
    blocked = folder / "test_an_answer_that_cannot_be_recorded_fails_its_test"
    blocked.write_text("a file where a folder is to be")
    result = record(pytester, RECORDED, upstream.base_url, "--respool-record=once")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["The test was not recorded:", "  cannot write *"])


def loaded_by(code: str) -> set[str]:
    """The modules of Respool, and of other packages, that a fresh interpreter has loaded after `code`."""
    program = f"import sys; before = set(sys.modules); {code}; print(*set(sys.modules) - before)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "app")}
    return set(subprocess.check_output([sys.executable, "-c", program], env=environment, text=True).split())


def test_the_plugin_loads_nothing_but_pytest_until_it_is_used() -> None:
    loaded = loaded_by("import pytest; before = set(sys.modules); import respool.pytest_plugin")
    assert {name for name in loaded if name.startswith("respool")} == {"respool", "respool.pytest_plugin"}
    assert {name.partition(".")[0] for name in loaded} - set(sys.stdlib_module_names) == {"respool"}


def test_a_run_that_does_not_use_the_fixture_loads_nothing_of_the_server(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
import sys

def test_it():
    assert "respool.pytest_plugin" in sys.modules
    assert {name for name in sys.modules if name.startswith("respool.")} == {"respool.pytest_plugin"}
"""
    )
    pytester.runpytest_subprocess(*QUIET).assert_outcomes(passed=1)


def test_what_fails_is_shown_at_the_line_of_the_test(project: pytest.Pytester) -> None:
    tests = """
@pytest.mark.respool("hello", strict="off")
def test_called(respool):
    ask(respool.base_url)
    respool.assert_called(times=1, text="tides")

@pytest.mark.respool("hello", strict="off")
def test_waited(respool):
    respool.wait_for(1, timeout=0.01)

@pytest.mark.respool("hello", strict="off")
def test_played(respool):
    respool.assert_all_played()
"""
    result = run(project, tests)
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(
        [
            '*expected exactly 1 request with text "tides", but there was none',
            '*the user\'s last text is *expected a part "tides"',
            "*after 0.01 s: *",
            "*never played:",
            "*  hello",
        ]
    )
    for module in ("mock_session.py", "seen_requests.py", "testing.py", "verify.py"):
        result.stdout.no_fnmatch_line(f"*{module}:*")
