"""Figures as text: percentiles, ratios, tables, and the machine."""

import os
import platform
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

LIBRARIES = ("respool", "fastapi", "starlette", "sse-starlette", "uvicorn", "uvloop", "httptools")


@dataclass(frozen=True, slots=True)
class Table:
    """One part of the report."""

    title: str
    text: str  # what was measured, and how
    columns: Sequence[str]  # the first two are names, the others figures
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    failed: int = 0  # streams
    ratios: Mapping[str, float] = field(
        default_factory=dict
    )  # how many times better Respool is, by the name of the figure


def microseconds(seconds: float) -> str:
    """Return a time in microseconds, to two figures; "unknown" for 0."""
    return f"{float(f'{seconds * 1e6:.2g}'):g}" if seconds else "unknown"


def ratio(more: float, less: float) -> str:
    """Return the ratio of `more` to `less` as text; "" if one is not positive."""
    if not (more > 0 and less > 0):
        return ""
    value = more / less
    return f"{value:,.0f}x" if value >= 100 else f"{value:.3g}x"


def render(table: Table) -> str:
    """Return a table and its text as Markdown, with columns that are aligned in a terminal, too."""
    widths = [max(map(len, column)) for column in zip(table.columns, *table.rows, strict=True)]
    rule = ["-" * width if place < 2 else "-" * (width - 1) + ":" for place, width in enumerate(widths)]
    lines = [_line(row, widths) for row in (table.columns, rule, *table.rows)]
    notes = [f"- {note}" for note in table.notes]
    return "\n".join([f"## {table.title}", "", table.text, "", *lines, *([""] if notes else []), *notes, ""])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cell.ljust(width) if place < 2 else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return f"| {' | '.join(padded)} |"


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine of the figures, and the load on it."""

    command: str
    pinned: str
    load: str
    stolen: str
    others: str

    def render(self) -> str:
        """Return the facts as a Markdown list."""
        python = f"{platform.python_implementation()} {platform.python_version()}"
        facts = {
            "Command": f"`{self.command}`",
            "CPU": f"{cpu_model()}, {os.cpu_count()} cores",
            "Kernel": f"{platform.system()} {platform.release()}",
            "Python": python,
            "Libraries": ", ".join(f"{name} {version(name)}" for name in LIBRARIES),
            "Pinned": self.pinned,
            "Scheduling": scheduling(),
            "Load average": self.load,
            "CPU taken by other processes": self.others,
            "CPU stolen by the host": self.stolen,
        }
        return "".join(f"- {name}: {fact}\n" for name, fact in facts.items())


def command_line(arguments: Sequence[str]) -> str:
    """Return the command line."""
    return shlex.join(["python", "-m", "bench", *arguments])


def cpu_model() -> str:
    """Return the CPU's name, as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()


def scheduling() -> str:
    """Return the scheduling policy of this process and its children."""
    real_time = hasattr(os, "sched_getscheduler") and os.sched_getscheduler(0) in (os.SCHED_FIFO, os.SCHED_RR)
    return "real time (`chrt`)" if real_time else "normal"


def load_average() -> str:
    """Return the load average of the last minute."""
    return f"{os.getloadavg()[0]:.2f}"


def cpu_ticks() -> list[int]:
    """Return the ticks of all CPUs: user, nice, system, idle, iowait, irq, softirq, steal; [] without /proc.

    Source: proc(5), /proc/stat.
    """
    try:
        first, *_ = Path("/proc/stat").read_text().splitlines()
    except OSError:
        return []
    return [int(ticks) for ticks in first.split()[1:9]]


def disturbance(before: Sequence[int], after: Sequence[int], used: float) -> tuple[str, str]:
    """Return two shares of the CPU time between two `cpu_ticks`: given by the host to other guests, and used
    by other processes of this machine. `used` is the bench's own CPU time, in seconds."""
    spent = [late - early for early, late in zip(before, after, strict=True)]
    if not sum(spent):
        return "unknown", "unknown"
    idle, waiting, steal = spent[3], spent[4], spent[7]
    others = sum(spent) - idle - waiting - steal - used * os.sysconf("SC_CLK_TCK")
    return f"{steal / sum(spent):.1%}", f"{max(0.0, others / sum(spent)):.1%}"
