import json
from xml.etree import ElementTree

import pytest

from respool import __version__
from respool.drill.cases import Case, Expect
from respool.drill.report import DrillReport, as_json, as_junit
from respool.drill.verdict import ClientRun, judge

REFERENCE = ClientRun(0, 0.5, 1, "Hello", "Hello")
CASES = [
    (Case("crlf", "line_ends(kind=crlf)", Expect.SURVIVE, "lines end with CRLF"), REFERENCE),
    (Case("cut-1", "abort(after=1)", Expect.NOTICE, "cut"), ClientRun(1, 0.25, 3, "", "", "an error\n")),
    (
        Case("cut-2", "close(after=2)", Expect.NOTICE, "cut"),
        ClientRun(0, 0.75, 1, "Hel", "Hel", "\x1b[1m\ud800"),
    ),
    (Case("no-end", "no_terminal", Expect.NOTICE, "cut"), REFERENCE),
]  # fmt: skip


def report(strict: bool = False) -> DrillReport:
    results = [judge(case, run, REFERENCE, comparable=True) for case, run in CASES]
    return DrillReport("text/hello", ["python", "client.py"], REFERENCE, True, results, strict)


def test_results_are_counted_the_worst_last() -> None:
    assert list(report().totals.items()) == [("survived", 1), ("noticed", 1), ("lucky", 1), ("fooled", 1)]


@pytest.mark.parametrize(("strict", "names"), [(False, ["cut-2"]), (True, ["cut-2", "no-end"])])
def test_being_lucky_is_bad_only_when_strict(strict: bool, names: list[str]) -> None:
    assert [result.case.name for result in report(strict).failed] == names


def test_json_has_the_reference_the_totals_the_categories_and_the_cases() -> None:
    data = json.loads(json.dumps(as_json(report())))
    assert {key: data[key] for key in ("respool", "recording", "command", "passed", "comparable")} == {
        "respool": __version__,
        "recording": "text/hello",
        "command": ["python", "client.py"],
        "passed": False,
        "comparable": True,
    }
    assert data["reference"] == {
        "exit_code": 0, "hung": False, "seconds": 0.5, "requests": 1, "stdout": "Hello", "stderr": ""
    }  # fmt: skip
    assert data["totals"] == {"survived": 1, "noticed": 1, "lucky": 1, "fooled": 1}
    assert data["categories"] == {
        "wire": {"cases": 1, "bad": 0, "totals": {"survived": 1}},
        "end": {"cases": 3, "bad": 1, "totals": {"noticed": 1, "lucky": 1, "fooled": 1}},
    }
    assert data["cases"][1] == {
        "name": "cut-1",
        "fault": "abort(after=1)",
        "category": "end",
        "expected": "notice",
        "verdict": "noticed",
        "bad": False,
        "reason": "an error",
        "exit_code": 1,
        "hung": False,
        "seconds": 0.25,
        "requests": 3,
        "stdout": "",
        "stderr": "an error\n",
    }


def test_junit_has_a_test_for_each_case_and_a_failure_for_each_bad_one() -> None:
    root = ElementTree.fromstring(as_junit(report()).encode())
    (suite,) = root
    assert (suite.get("name"), suite.get("tests"), suite.get("failures"), suite.get("time")) == (
        "respool drill text/hello", "4", "1", "2.000"
    )  # fmt: skip
    assert [(case.get("classname"), case.get("name"), case.get("time")) for case in suite] == [
        ("drill.wire", "crlf", "0.500"),
        ("drill.end", "cut-1", "0.250"),
        ("drill.end", "cut-2", "0.750"),
        ("drill.end", "no-end", "0.500"),
    ]
    (failure,) = suite.iter("failure")
    assert failure.attrib == {"type": "fooled", "message": "fooled: output ends after 3 characters, 2 early"}
    assert failure.text == (
        "fault: close(after=2)\n"
        "that is: cut\n"
        "expected: to fail: the answer is not all there\n"
        "verdict: fooled: it took a broken answer for a success\n"
        "run: exit code 0, 0.8 s, 1 request\n"
        "seen: output ends after 3 characters, 2 early"
    )


def test_junit_is_xml_whatever_a_client_writes() -> None:
    root = ElementTree.fromstring(as_junit(report()).encode())
    assert [element.text for element in root.iter("system-err")] == ["an error\n", "\ufffd[1m\ufffd"]
