"""Writes the table of public names in docs/python-api.md from their docstrings.

python docs/make_python_api.py
"""

import inspect
from collections.abc import Iterator
from pathlib import Path

import respool

PAGE = Path(__file__).with_name("python-api.md")
BEGIN, END = "<!-- names -->", "<!-- /names -->"


def page(text: str) -> str:
    """The page with the table written anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    rows = "\n".join(_rows())
    return f"{before}{BEGIN}\n{rows}\n{END}{after}"


def _rows() -> Iterator[str]:
    yield "| name | |"
    yield "| --- | --- |"
    for name in sorted(respool.__all__, key=str.lower):
        if not name.startswith("__"):
            yield f"| `{name}` | {_first_sentence(getattr(respool, name))} |"


def _first_sentence(value: object) -> str:
    text = inspect.getdoc(value) or ""
    paragraph = " ".join(text.partition("\n\n")[0].split())
    sentence, stop, _ = paragraph.partition(". ")
    return f"{sentence}." if stop else paragraph


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
