"""Writes the tables of docs/faults.md from the docstrings of the faults.

python docs/make_faults.py
"""

from collections.abc import Iterator
from pathlib import Path

from respool.faults import FAULTS, Fault, options_of

PAGE = Path(__file__).with_name("faults.md")
COMMON = options_of(Fault)
BEGIN, END = "<!-- faults -->", "<!-- /faults -->"

CATEGORIES = {
    "before": "Before the stream",
    "time": "Time",
    "wire": "The wire",
    "end": "The end",
    "events": "The events",
    "model": "The model",
    "socket": "WebSockets",
}


def page(text: str) -> str:
    """The page with the tables written anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{section()}{END}{after}"


def section() -> str:
    """What stands between the two markers of the page."""
    return "".join(_tables())


def _tables() -> Iterator[str]:
    for category, title in CATEGORIES.items():
        yield f"### {title}\n\n| fault | | its options |\n| --- | --- | --- |\n"
        for name, fault in FAULTS.items():
            if fault.category == category:
                yield f"| `{name}` | {what_it_does(fault)} | {'<br>'.join(_options(fault))} |\n"
        yield "\n"


def what_it_does(fault: type[Fault]) -> str:
    """The prose of the docstring, in one line."""
    prose = [line.strip() for line in (fault.__doc__ or "").splitlines() if "  " not in line.strip()]
    return " ".join(filter(None, prose)).replace("``", "`")


def _options(fault: type[Fault]) -> Iterator[str]:
    for key, option in options_of(fault).items():
        if key not in COMMON:
            yield f"`{key}={option.type.write(option.default)}` {option.help}".replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
