"""The documentation is true: its examples run, its links lead somewhere."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from respool.check.files import check_data
from respool.check.findings import Level
from respool.recordings import formats

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("fixtures/*.md"),
        *ROOT.glob("bench/*.md"),
        *ROOT.glob("deploy/*.md"),
    ]
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


def test_the_examples_of_the_python_api_run() -> None:
    program = "\n".join(blocks(ROOT / "docs" / "python-api.md", "python"))
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_the_names_of_the_python_api_are_those_of_the_package() -> None:
    spec = importlib.util.spec_from_file_location("make_python_api", ROOT / "docs" / "make_python_api.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = (ROOT / "docs" / "python-api.md").read_text("utf-8")
    assert text == module.page(text), "run python docs/make_python_api.py"


def test_the_examples_of_the_page_on_pytest_are_tests_that_pass(tmp_path: Path) -> None:
    page = ROOT / "docs" / "pytest.md"
    (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
    [settings] = blocks(page, "ini")
    known = "respool_drill = failed,abort\n"  # the whole drill has a test of its own
    (tmp_path / "pytest.ini").write_text(f"[pytest]\n{known}")
    tests = [block for block in blocks(page, "python") if "def test_" in block]
    for number, block in enumerate(tests, start=1):
        (tmp_path / f"test_{number}.py").write_text(block)
    [conftest] = [block for block in blocks(page, "python") if "def test_" not in block]
    (tmp_path / "conftest.py").write_text(conftest)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:schemathesis", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout
    for line in settings.splitlines()[1:]:  # each is a setting that the plugin has
        assert f'"{line.partition(" = ")[0]}"' in (ROOT / "app/respool/pytest_plugin.py").read_text()


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
