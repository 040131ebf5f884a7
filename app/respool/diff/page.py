"""Differences as a self-contained HTML page. All content from recordings is escaped."""

from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from html import escape

from respool.diff.compare import Change, TurnDiff, shown

_STYLE = """
body { font: 14px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem;
       color: #1b1f24; background: #fff }
table { border-collapse: collapse; width: 100%; table-layout: fixed; margin: 0 0 2rem }
th, td { border: 1px solid #d0d7de; padding: .4rem .6rem; text-align: left; vertical-align: top;
         white-space: pre-wrap; overflow-wrap: anywhere }
th { background: #f6f8fa; font-weight: 600 } col.kind { width: 5rem }
del { background: #ffd7d5; text-decoration: none } ins { background: #ccffd8; text-decoration: none }
.none { color: #6e7781 }
@media (prefers-color-scheme: dark) {
  body { color: #e6edf3; background: #0d1117 } th { background: #161b22 } th, td { border-color: #30363d }
  del { background: #67060c } ins { background: #033a16 } }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_MOST = 20_000  # characters of a value
_MOST_COMPARED = 4_000  # characters of a text with marked changes


def page(before: str, now: str, turns: Mapping[int, TurnDiff]) -> str:
    """Return the page for two recordings. `turns` are the differences by number of the turn."""
    title = f"{escape(before)} and {escape(now)}"
    body = "".join(part for number, diff in turns.items() for part in _turn(number, diff))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{title}</title><style>{_STYLE}</style></head>\n<body><h1>{title}</h1>\n{body}</body></html>\n"
    )


def _turn(number: int, diff: TurnDiff) -> Iterator[str]:
    count = len(diff.changes)
    yield f"<h2>Turn {number}: {count} difference{'s' * (count != 1)}</h2>\n"
    columns = '<colgroup><col class="kind"><col><col><col></colgroup>'
    yield f"<table>{columns}<tr><th>What</th><th>Where</th><th>Before</th><th>Now</th></tr>\n"
    for change in diff.changes:
        left, right = _cells(change)
        place = escape(change.place)
        yield f"<tr><td>{escape(change.kind)}</td><td>{place}</td><td>{left}</td><td>{right}</td></tr>\n"
    for timing in diff.timings:
        left, right = (
            "not known" if value is None else f"{value:.3f} s" for value in (timing.before, timing.now)
        )
        yield f"<tr><td>time</td><td>{escape(timing.label)}</td><td>{left}</td><td>{right}</td></tr>\n"
    yield "</table>\n"


def _cells(change: Change) -> tuple[str, str]:
    if change.kind == "text" and len(change.before) + len(change.now) <= _MOST_COMPARED:
        return _marked(change.before, change.now)
    if isinstance(change.before, list) and isinstance(change.now, list):
        return "\n".join(map(_text, change.before)), "\n".join(map(_text, change.now))
    return _cell(change.before), _cell(change.now)


def _cell(value: object) -> str:
    if value is None:
        return '<span class="none">absent</span>'
    return escape(value[:_MOST] if isinstance(value, str) else shown(value, _MOST))


def _text(value: object) -> str:
    return escape(value if isinstance(value, str) else shown(value, _MOST))


def _marked(before: str, now: str) -> tuple[str, str]:
    left, right = [], []
    for tag, start, end, other_start, other_end in SequenceMatcher(
        None, before, now, autojunk=False
    ).get_opcodes():
        old, new = escape(before[start:end]), escape(now[other_start:other_end])
        left.append(f"<del>{old}</del>" if tag != "equal" and old else old)
        right.append(f"<ins>{new}</ins>" if tag != "equal" and new else new)
    return "".join(left), "".join(right)
