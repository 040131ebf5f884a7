"""Temporary recordings of any length."""

import json
from collections.abc import Iterator
from itertools import accumulate, repeat
from pathlib import Path
from typing import Any

FEWEST = 8  # events: those around the deltas of a text


def write(path: Path, count: int, gap: float, padding: int = 16) -> None:
    """Write a recording of `count` events, `gap` seconds apart, in the native format.

    `padding` is the length of each delta's ``obfuscation``, which the service fills with noise.
    """
    with path.open("w") as file:
        for event in text_events(count, padding):
            file.write(f"[{gap}, {json.dumps(event, separators=(',', ':'))}]\n")


def moments(count: int, gap: float) -> list[float]:
    """Return the moments at which the events are due, in seconds since the request."""
    return list(accumulate(repeat(gap, count)))


def text_events(count: int, padding: int) -> Iterator[dict[str, Any]]:
    """Return the `count` events of a response with one message of text."""
    if count < FEWEST:
        raise ValueError(f"{count} events, expected {FEWEST} or more")
    words = [f"word{number} " for number in range(count - FEWEST)]
    for number, event in enumerate(_events(words, padding)):
        yield {"type": event.pop("type"), "sequence_number": number, **event}


def _events(words: list[str], padding: int) -> Iterator[dict[str, Any]]:
    response = {"id": "resp_bench", "object": "response", "created_at": 1700000000, "model": "bench"}
    begun = {**response, "status": "in_progress", "output": []}
    item = {"id": "msg_bench", "type": "message", "role": "assistant"}
    part = {"type": "output_text", "text": "".join(words), "annotations": []}
    done = {**item, "status": "completed", "content": [part]}
    of_item = {"output_index": 0}
    of_part = {"item_id": "msg_bench", **of_item, "content_index": 0}

    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    opened = {**item, "status": "in_progress", "content": []}
    yield {"type": "response.output_item.added", **of_item, "item": opened}
    yield {"type": "response.content_part.added", **of_part, "part": {**part, "text": ""}}
    for word in words:
        yield {"type": "response.output_text.delta", **of_part, "delta": word, "obfuscation": "x" * padding}
    yield {"type": "response.output_text.done", **of_part, "text": part["text"]}
    yield {"type": "response.content_part.done", **of_part, "part": part}
    yield {"type": "response.output_item.done", **of_item, "item": done}
    yield {"type": "response.completed", "response": {**response, "status": "completed", "output": [done]}}
