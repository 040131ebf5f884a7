"""Snapshots of Jest and Vitest."""

import json
from typing import Any

import pytest
from tests.recordings.formats.format_streams import SSE, TEXTS

from respool.errors import NotARecording
from respool.recordings import formats

HEAD = "// Jest Snapshot v1, https://goo.gl/fbAQLP\n\n"


def escaped(text: str) -> str:
    """As in a template literal."""
    return text.replace("\\", "\\\\").replace("`", "\\`").replace("$", "\\$")


def entry(title: str, shown: str) -> str:
    return f"exports[`{escaped(title)}`] = `{escaped(shown)}`;\n\n"


def printed(value: Any, names: bool) -> str:
    """As pretty-format prints it: with the names of types or without, and a comma after the last."""
    if isinstance(value, dict):
        inside = "".join(f"{json.dumps(key)}: {printed(one, names)},\n" for key, one in value.items())
        return f"{'Object ' if names else ''}{{\n{inside}}}"
    if isinstance(value, list):
        inside = "".join(f"{printed(one, names)},\n" for one in value)
        return f"{'Array ' if names else ''}[\n{inside}]"
    return json.dumps(value)


OTHER = entry("something `else`", '\n<div\n  class="a"\n/>\n')
EVENTS = [json.loads(text) for text in TEXTS]


@pytest.mark.parametrize("head", [HEAD, "// Vitest Snapshot v1, https://vitest.dev/guide/snapshot.html\n\n"])
@pytest.mark.parametrize(
    "shown",
    [
        f'"{SSE}"',
        f"\n{json.dumps(SSE)}\n",
        printed(EVENTS, names=True),
        f"\n{printed(EVENTS, names=False)}\n",
        printed({"events": EVENTS, "nothing": None}, names=True).replace("null", "undefined", 1),
    ],
)
def test_a_stream_in_a_snapshot_is_a_turn(shown: str, head: str) -> None:
    data = (head + OTHER + entry("it streams 1", shown)).encode()
    assert formats.worth_reading(data, "a.test.ts.snap")
    [turn] = formats.read(data, "a", "a.test.ts.snap")
    assert [timed.event.data for timed in turn.events] == EVENTS


def test_each_snapshot_with_a_stream_is_a_turn_of_its_own() -> None:
    more = SSE.replace("resp_1", "resp_2").replace("h\\u00e9", "other")
    data = (HEAD + entry("a 1", f'"{SSE}"') + OTHER + entry("b 1", f'"{more}"')).encode()
    assert len(formats.read(data, "a", "a.snap")) == 2


def test_snapshots_without_a_stream_are_no_recording() -> None:
    with pytest.raises(NotARecording):
        formats.read((HEAD + OTHER).encode(), "a", "a.snap")
