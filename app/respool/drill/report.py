"""The report of a drill: totals, also by category, as JSON and as JUnit XML. No I/O."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from respool import __version__
from respool.drill.verdict import MEANINGS, ClientRun, Result, Verdict

# Characters that XML 1.0 does not allow: https://www.w3.org/TR/xml/#charsets
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class DrillReport:
    """The results of a drill. With `strict`, the verdict LUCKY fails, too."""

    recording: str
    command: Sequence[str]
    reference: ClientRun
    comparable: bool
    results: Sequence[Result]
    strict: bool = False

    def bad(self, result: Result) -> bool:
        return result.verdict.bad or (self.strict and result.verdict is Verdict.LUCKY)

    @property
    def failed(self) -> Sequence[Result]:
        return [result for result in self.results if self.bad(result)]

    @property
    def totals(self) -> Mapping[str, int]:
        """The count of each verdict, in the order of Verdict, without zeros."""
        return count(self.results)

    @property
    def categories(self) -> Mapping[str, Sequence[Result]]:
        """The results by category, in order of first appearance."""
        categories: dict[str, list[Result]] = {}
        for result in self.results:
            categories.setdefault(result.case.category, []).append(result)
        return categories


def count(results: Sequence[Result]) -> Mapping[str, int]:
    counts = Counter(result.verdict for result in results)
    return {verdict.value: counts[verdict] for verdict in Verdict if counts[verdict]}


def as_json(report: DrillReport) -> dict[str, Any]:
    """Return the report as a JSON object; docs/drill.md describes its fields."""
    return {
        "respool": __version__,
        "recording": report.recording,
        "command": list(report.command),
        "passed": not report.failed,
        "comparable": report.comparable,
        "reference": _run(report.reference),
        "totals": report.totals,
        "categories": {
            name: {"cases": len(results), "bad": sum(map(report.bad, results)), "totals": count(results)}
            for name, results in report.categories.items()
        },
        "cases": [
            {
                "name": result.case.name,
                "fault": result.case.fault,
                "category": result.case.category,
                "expected": result.case.expect.value,
                "verdict": result.verdict.value,
                "bad": report.bad(result),
                "reason": result.reason,
                **_run(result.run),
            }
            for result in report.results
        ],
    }


def _run(run: ClientRun) -> dict[str, Any]:
    return {
        "exit_code": run.exit_code,
        "hung": run.hung,
        "seconds": round(run.seconds, 3),
        "requests": run.requests,
        "stdout": run.output,
        "stderr": run.errors,
    }


def as_junit(report: DrillReport) -> str:
    """Return the report as JUnit XML, one test per case: the dialect of pytest, which CI systems read.

    Source: https://github.com/testmoapp/junitxml
    """
    counts = {
        "tests": str(len(report.results)),
        "failures": str(len(report.failed)),
        "errors": "0",
        "skipped": "0",
        "time": f"{sum(result.run.seconds for result in report.results):.3f}",
    }
    root = ElementTree.Element("testsuites", {"name": "respool drill", **counts})
    suite = ElementTree.SubElement(root, "testsuite", {"name": f"respool drill {report.recording}", **counts})
    for result in report.results:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            classname=f"drill.{result.case.category}",
            name=result.case.name,
            time=f"{result.run.seconds:.3f}",
        )
        if report.bad(result):
            failure = ElementTree.SubElement(
                case, "failure", type=result.verdict.value, message=xml_text(headline(result))
            )
            failure.text = xml_text(explanation(result))
        for name, text in (("system-out", result.run.output), ("system-err", result.run.errors)):
            if text:
                ElementTree.SubElement(case, name).text = xml_text(text)
    ElementTree.indent(root)
    return f"<?xml version='1.0' encoding='utf-8'?>\n{ElementTree.tostring(root, 'unicode')}\n"


def headline(result: Result) -> str:
    return f"{result.verdict}: {result.reason or MEANINGS[result.verdict]}"


def explanation(result: Result) -> str:
    """Return the case, the expectation and the client's behaviour, as a text of several lines."""
    run = result.run
    ended = "killed when its time was over" if run.hung else f"exit code {run.exit_code}"
    requests = f"{run.requests} request{'s' * (run.requests != 1)}"
    return "\n".join(
        [
            f"fault: {result.case.fault}",
            f"that is: {result.case.why}",
            f"expected: {result.case.expect.meaning}",
            f"verdict: {result.verdict}: {MEANINGS[result.verdict]}",
            f"run: {ended}, {run.seconds:.1f} s, {requests}",
            *([f"seen: {result.reason}"] if result.reason else []),
        ]
    )


def xml_text(text: str) -> str:
    """Return the text with the characters replaced that XML does not allow."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
