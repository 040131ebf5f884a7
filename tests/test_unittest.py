"""RespoolTestCase, run by unittest itself."""

import json
import os
import subprocess
import sys
import unittest
import urllib.error
import urllib.request
from pathlib import Path

from respool import RespoolTestCase

FIXTURES = Path(__file__).parent.parent / "fixtures"


def ask(base_url: str) -> int:
    request = urllib.request.Request(f"{base_url}/responses", b'{"model": "gpt-5", "input": "Hi"}')
    try:
        with urllib.request.urlopen(request) as answer:
            json.load(answer)
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


class Cases(RespoolTestCase):
    """What the tests below run; pytest must not."""

    __test__ = False
    respool_fixtures = FIXTURES
    respool_play = "text/hello"
    respool_env = True

    def good(self) -> None:
        assert ask(os.environ["OPENAI_BASE_URL"]) == 200
        self.respool.assert_called(times=1, text="Hi")

    def unmatched(self) -> None:
        ask(f"{self.respool.url}/r/helo/v1")

    def of_another_session(self) -> None:
        assert len(self.respool.requests) == 0


def run(*names: str) -> unittest.TestResult:
    result = unittest.TestResult()
    unittest.TestSuite(map(Cases, names)).run(result)
    return result


def test_each_test_has_a_session_and_its_environment() -> None:
    before = os.environ.get("OPENAI_BASE_URL")
    result = run("good", "of_another_session")
    assert result.testsRun == 2
    assert result.wasSuccessful(), (result.failures, result.errors)
    assert os.environ.get("OPENAI_BASE_URL") == before


def test_an_unmatched_request_fails_the_test_and_is_told() -> None:
    [(_, report)] = run("unmatched").failures
    assert "a request that no recording answers" in report
    assert "POST /r/helo/v1/responses 404" in report


def test_python_m_unittest_ends_with_its_server(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import urllib.request, respool\n"
        "class Case(respool.RespoolTestCase):\n"
        "    def test_it(self):\n"
        "        self.respool.script('text: Hi.')\n"
        "        url = self.respool.base_url + '/responses'\n"
        '        with urllib.request.urlopen(url, b\'{"model": "gpt-5", "input": "Hi"}\') as answer:\n'
        "            self.assertIn(b'Hi.', answer.read())\n"
    )
    command = [sys.executable, "-W", "error", "-m", "unittest", "test_it"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "OK" in done.stderr
