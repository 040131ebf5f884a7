import re
from pathlib import Path

import pytest

from respool.check.dialects import DIALECTS
from respool.check.findings import RULES, Level, Rule

ROOT = Path(__file__).parents[2]
CODE = re.compile(r'"(RS\d{3})"')

each_rule = pytest.mark.parametrize("rule", RULES.values(), ids=RULES)


def emitted() -> dict[str, str]:
    """Each code that the source names outside the rules, and a file which does."""
    files = [path for path in (ROOT / "app").rglob("*.py") if not {"rules", "dialects.py"} & {*path.parts}]
    return {code: path.name for path in files for code in CODE.findall(path.read_text())}


def rows(page: str, columns: int) -> list[tuple[str, ...]]:
    """The rows of a page's tables that have so many columns."""
    cells = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    return [tuple(row) for row in cells if len(row) == columns]


def test_every_code_that_is_emitted_has_a_rule_and_every_rule_is_emitted() -> None:
    assert emitted().keys() == RULES.keys()


def test_codes_are_unique_and_in_order() -> None:
    assert list(RULES) == sorted(RULES)


@each_rule
def test_a_rule_says_what_it_means_in_whole_sentences(rule: Rule) -> None:
    assert rule.level in Level
    first = rule.explanation.split()[0]
    assert first[0].isupper() or "." in first or "_" in first  # or the name of an event or a field
    assert rule.explanation.endswith(".")
    for text in (rule.title, rule.example, rule.fix):
        assert text
        assert text == text.strip()
        assert not text.endswith(".") or text.endswith("...")
    assert not rule.title[0].isupper()


@each_rule
def test_a_rule_has_a_row_in_the_documentation(rule: Rule) -> None:
    page = (ROOT / "docs/checks.md").read_text()
    assert (rule.code, str(rule.level), rule.title) in rows(page, 3)


def test_the_documentation_has_no_other_codes() -> None:
    page = (ROOT / "docs/checks.md").read_text()
    assert {row[0] for row in rows(page, 3) if row[0].startswith("RS")} == set(RULES)
    assert set(re.findall(r"RS\d{3}", page)) == set(RULES)


def test_the_dialects_in_the_documentation_are_those_of_the_table() -> None:
    page = (ROOT / "docs/checks.md").read_text()
    table = [(one.name, one.sign, code, habit) for one in DIALECTS for code, habit in one.softens.items()]
    assert rows(page, 4)[2:] == table


def test_a_dialect_softens_errors_only() -> None:
    softened = {code for dialect in DIALECTS for code in dialect.softens}
    assert {RULES[code].level for code in softened} == {Level.ERROR}
