import re
from pathlib import Path

import pytest

from respool.match.matchers import GROUPS, MATCHERS
from respool.match.rules import read_rules
from respool.match.stubs_file import read_stubs

STUBS, MATCHING = Path("docs/stubs.md"), Path("docs/matching.md")


def examples(page):
    return re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", examples(STUBS))
def test_every_example_is_a_file_of_stubs(text):
    assert read_stubs(text.encode(), "stubs.yaml")


@pytest.mark.parametrize("text", examples(MATCHING))
def test_every_example_is_a_file_of_rules(text):
    assert read_rules(text.encode(), "match.yaml").exclude


def test_every_matcher_is_told():
    documented = set(re.findall(r"`(\w+)`", STUBS.read_text()))
    assert {*MATCHERS, *GROUPS} <= documented
