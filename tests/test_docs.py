"""The documentation is true: its examples run, its links lead somewhere."""

import re
from pathlib import Path

import pytest

from respool.check.files import check_data
from respool.check.findings import Level
from respool.recordings import formats

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("fixtures/*.md"), *ROOT.glob("bench/*.md")]
)

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_example_of_the_readme_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    names: dict[str, object] = {}
    exec(blocks(ROOT / "README.md", "python")[0], names)
    test = names["test_the_answer_is_shown"]
    assert callable(test)
    test()


@pages
def test_every_jsonl_example_is_a_recording(page: Path) -> None:
    for block in blocks(page, "jsonl"):
        assert formats.read(block.encode(), "example", page.name)


def test_the_native_example_of_the_readme_is_legal() -> None:
    (example,) = blocks(ROOT / "README.md", "jsonl")
    assert check_data(example.encode(), "a.jsonl").count(Level.ERROR) == 0


@pages
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        if not target.startswith("https://"):
            path, _, anchor = target.partition("#")
            file = page.parent / path if path else page
            assert file.exists(), target
            assert not anchor or anchor in anchors(file), target
