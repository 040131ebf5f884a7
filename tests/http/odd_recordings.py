"""Recordings in which something is not as it should be: JSON of any kind at any place of sound events."""

import copy
import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

FIXTURES = Path(__file__).parents[2] / "fixtures"
SHARED = Path(__file__).parents[3] / "shared/recordings"

Path_ = tuple[str | int, ...]


def _events(path: Path) -> list[Any]:
    """The events and headers of a native file, each by itself."""
    lines = (json.loads(line) for line in path.read_text("utf-8").splitlines() if line)
    return [line[1] if isinstance(line, list) else line for line in lines]


def _sound() -> list[list[Any]]:
    files = [FIXTURES / "text/hello.jsonl", FIXTURES / "tools/get_weather.jsonl"]
    files += [FIXTURES / "reasoning/summary.jsonl", FIXTURES / "errors/rate_limit.jsonl"]
    files += [FIXTURES / "errors/server_error.jsonl", FIXTURES / "errors/failed.jsonl"]
    streams = [_shorter(_events(path)) for path in files]
    saved = [{"respool": 1, "body": stream[-1]["response"]} for stream in streams[:3]]
    return [*streams, *([one] for one in saved)]


def _shared() -> list[list[Any]]:
    """The streams of others that are short, if the folder lies beside the repository."""
    from respool.recordings.store import Store

    if not SHARED.is_dir():
        return []
    store = Store([SHARED])
    turns = [turn for name in store.names for turn in store.turns(name)]
    return [_shorter([timed.event.data for timed in turn.events]) for turn in turns if turn.events]


def _shorter(events: list[Any]) -> list[Any]:
    """Of long runs of one type, the first two: a change then meets the other events more often."""
    kept: list[Any] = []
    for event in events:
        if [event.get("type")] * 2 != [one.get("type") for one in kept[-2:]] or "respool" in event:
            kept.append(event)
    return kept


SOUND = [*_sound(), *_shared()]


class Raw(str):
    """JSON text that is put in as it stands."""


def nested(depth: int, opening: str = "[", closing: str = "]") -> Raw:
    return Raw(opening * depth + "1" + closing * depth)


ODD: list[Any] = [
    *(Raw("NaN"), Raw("1e400"), Raw("-Infinity"), Raw("-0.0"), Raw("9" * 4000), Raw("1" + "0" * 30)),
    *(Raw('"\\ud800"'), Raw('"\\u0000"'), Raw('"\\udfff\\ud800"'), Raw('{"a":1,"a":[]}')),
    *(Raw("[NaN]"), Raw('{"id":NaN}'), Raw('{"\\ud800":1}')),
    *(nested(depth) for depth in (400, 490, 499, 955, 970, 985, 1200)),
    *(nested(depth, '{"a":', "}") for depth in (480, 498, 960, 985)),
    *(None, True, False, 0, 1, -1, 2**31, 2**63, 2**70, 0.5, -1.5, 1e300, "", "x", "response.created"),
    *("error", "response.completed", "response.output_item.added", "response.output_item.done", "message"),
    *("completed", "failed", "cancelled", "\n", "é", "\U0001f40d", "\u2028", "\r\ndata: x", "a" * 300),
    *([], {}, [[]], [None], [1], [{}], {"id": None}, {"id": 5}, {"id": "x/../y"}, {"output": 1}),
    *({"output": [1, None, "x", []]}, {"output": {}}, {"type": "error"}, {"type": None}, {"code": []}),
    *({"id": "resp_1", "output": [{"type": "message", "content": [{"type": "output_text"}]}]},),
]


def places(value: Any, path: Path_ = ()) -> list[Path_]:
    """All places in a JSON value."""
    found = [path]
    if isinstance(value, dict):
        found += [one for key, inner in value.items() for one in places(inner, (*path, key))]
    elif isinstance(value, list):
        found += [one for at, inner in enumerate(value) for one in places(inner, (*path, at))]
    return found


def write(value: Any) -> str:
    """JSON text; `Raw` texts as they stand."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{write(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(write, value)) + "]"
    return json.dumps(value)


Change = tuple[str, int, Any]  # what is done, where, and what comes there

_changes = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "put", "put", "drop", "rename", "twice", "drop line", "swap"]),
        st.integers(0, 100_000),
        st.sampled_from(ODD),
    ),
    min_size=1,
    max_size=4,
)


def change(events: list[Any], changes: list[Change]) -> list[Any]:
    """The events after these changes."""
    events = copy.deepcopy(events)
    for what, where, odd in changes:
        if not events:
            break
        line = where % len(events)
        if what == "twice":
            events.insert(line, copy.deepcopy(events[line]))
        elif what == "drop line":
            del events[line]
        elif what == "swap":
            events[line], events[-1] = events[-1], events[line]
        else:
            here = places(events[line])
            *above, last = [line, *here[(where // len(events)) % len(here)]]
            holder: Any = events
            for key in above:
                holder = holder[key]
            if what == "put" or not isinstance(holder, dict):
                holder[last] = copy.deepcopy(odd)
            elif what == "drop":
                del holder[last]
            else:
                holder[str(odd)] = holder.pop(last)
    return events


def _lines(sound: list[Any], changes: list[Change], gaps: bool) -> str:
    events = change(sound, changes)
    texts = [write(event) for event in events]
    timed = gaps and not any("respool" in text for text in texts)
    return "".join(f"[0.5, {text}]\n" if timed else f"{text}\n" for text in texts)


recordings = st.builds(_lines, st.sampled_from(SOUND), _changes, st.booleans())
