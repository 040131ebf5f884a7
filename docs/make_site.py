"""Builds the documentation site into build/site: `make site`.

Pages are those of docs/, and those of other folders that they lead to. Reference pages that are made from the
code (commands, findings) are written here. A link to what is no page of the site becomes plain text.
"""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "build" / "site-source"
# Pages of other folders, by their place in the site.
OTHERS: Mapping[str, str] = {
    "README.md": "index.md",
    "CHANGELOG.md": "changes.md",
    "CONTRIBUTING.md": "contributing.md",
    "bench/README.md": "measurements.md",
    "fixtures/README.md": "fixtures.md",
}
NAV: Mapping[str, tuple[str, ...]] = {
    "Getting started": ("index.md", "start.md"),
    "How-to": (
        "pytest.md", "node.md", "ci.md", "docker.md", "drill.md", "recording.md", "scripts.md", "stubs.md",
        "improvise.md", "control.md", "page.md", "scale.md",
    ),
    "Reference": (
        "cli.md", "commands.md", "python-api.md", "http-api.md", "websocket.md", "admin.md",
        "format.md", "faults.md",
        "checks.md", "findings.md", "profiles.md", "fixtures.md",
    ),
    "Explanation": (
        "architecture.md", "matching.md", "conformance.md", "performance.md", "measurements.md",
        "contributing.md", "changes.md",
    ),
    "Migration": ("migration.md",),
}  # fmt: skip
_FENCES = (
    'custom_fences = [{ name = "mermaid", class = "mermaid", '
    'format = "pymdownx.superfences.fence_code_format" }]'
)
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
_BLOCKS = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)


def main() -> int:
    """Write the pages, and build the site strictly."""
    SOURCE.mkdir(parents=True, exist_ok=True)
    for old in SOURCE.glob("*.md"):
        old.unlink()
    for name, text in pages().items():
        (SOURCE / name).write_text(text, "utf-8")
    config = SOURCE.parent / "zensical.toml"
    config.write_text(settings(), "utf-8")
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean", "--config-file", str(config)]
    return subprocess.run(command, cwd=SOURCE.parent, check=False).returncode


def pages() -> Mapping[str, str]:
    """The pages of the site, by their names."""
    files = {path: path.name for path in sorted((ROOT / "docs").glob("*.md"))}
    files |= {ROOT / path: name for path, name in OTHERS.items()}
    made = {"commands.md": commands(), "findings.md": findings()}
    return {name: _linked(path, files) for path, name in files.items()} | made


def settings() -> str:
    """The settings of the generator."""
    lines = [
        "[project]",
        'site_name = "Respool"',
        'site_description = "Replays recorded Responses API event streams, on time and byte for byte"',
        'docs_dir = "site-source"',
        'site_dir = "site"',
        "nav = [",
        *(f'  {{ "{title}" = [{", ".join(map(_quoted, names))}] }},' for title, names in NAV.items()),
        "]",
        "[project.markdown_extensions.tables]",
        "[project.markdown_extensions.toc]",
        "permalink = true",
        "[project.markdown_extensions.pymdownx.superfences]",
        _FENCES,
        "[project.theme]",
        "font = false",  # a site that is read offline asks nobody for fonts
    ]
    return "\n".join(lines) + "\n"


def commands() -> str:
    """What each command says of itself."""
    import click

    from respool.cli import cli

    def told() -> Iterator[str]:
        yield "# Commands\n\nWhat `respool COMMAND --help` prints, made from the code.\n"
        root = click.Context(cli, info_name="respool")
        for name in cli.list_commands(root):
            command = cli.get_command(root, name)
            assert command
            context = click.Context(command, root, info_name=name, max_content_width=100, terminal_width=100)
            yield f"## {name}\n\n```text\n{command.get_help(context)}\n```\n"

    return "\n".join(told())


def findings() -> str:
    """What `respool explain` says of each finding."""
    from respool.check.findings import RULES

    rows = [
        f"| `{rule.code}` | {rule.level.name.lower()} | {rule.title.replace('|', chr(92) + '|')} |"
        for rule in RULES.values()
    ]
    head = (
        "# Findings\n\nAll codes of `respool check`; `respool explain CODE` tells more.\n\n| code | level | |"
    )
    return "\n".join([head, "| --- | --- | --- |", *rows, ""])


def _linked(path: Path, files: Mapping[Path, str]) -> str:
    """A page, with its links as they are in the site."""

    def link(found: re.Match[str]) -> str:
        mark, text, target = found.groups()
        if "://" in target or target.startswith("#"):
            return found[0]
        place, hash_, anchor = target.partition("#")
        name = files.get((path.parent / place).resolve())
        return f"{mark}[{text}]({name}{hash_}{anchor})" if name else text

    parts = _BLOCKS.split(path.read_text("utf-8"))  # at each second place, a block of code, which stays
    return "".join(part if number % 2 else _LINK.sub(link, part) for number, part in enumerate(parts))


def _quoted(name: str) -> str:
    return f'"{name}"'


if __name__ == "__main__":
    sys.exit(main())
