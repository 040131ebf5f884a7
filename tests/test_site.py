"""The documentation site: its pages and where they lead. `make site` builds it."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from respool.check.findings import RULES
from respool.commands import COMMANDS

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_site", ROOT / "docs" / "make_site.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_each_page_is_in_the_navigation_once(site: ModuleType) -> None:
    named = [name for names in site.NAV.values() for name in names]
    assert sorted(named) == sorted(site.pages())


def test_links_lead_to_pages_of_the_site_only(site: ModuleType) -> None:
    pages = site.pages()
    for name, text in pages.items():
        prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", prose):
            if "://" not in target and not target.startswith("#"):
                assert target.partition("#")[0] in pages, (name, target)


def test_reference_pages_have_all_commands_and_findings(site: ModuleType) -> None:
    assert set(re.findall(r"^## (.+)$", site.commands(), re.MULTILINE)) == set(COMMANDS)
    assert set(re.findall(r"^\| `(RS\d+)`", site.findings(), re.MULTILINE)) == set(RULES)
