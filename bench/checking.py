"""The speed of checking a stream, with parsing, as `respool check` does it.

python -m bench.checking
"""

import json
import time

from respool.check.checker import check
from respool.protocol.events import Event

EVENTS = 10_000
ROUNDS = 5


def stream(events: int) -> list[str]:
    """Return a legal stream of about so many events: one message of many deltas."""
    response = {"id": "resp_1", "object": "response", "created_at": 1, "model": "bench", "output": []}
    part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "content": []}
    place = {"output_index": 0, "item_id": "msg_1", "content_index": 0}
    words = [f" word{number}" for number in range(events - 8)]
    text = "".join(words)
    done = {**message, "status": "completed", "content": [{**part, "text": text}]}
    final = {**response, "status": "completed", "output": [done], "usage": {"total_tokens": len(words)}}
    bodies = [
        ("response.created", {"response": {**response, "status": "in_progress"}}),
        ("response.in_progress", {"response": {**response, "status": "in_progress"}}),
        ("response.output_item.added", {"output_index": 0, "item": {**message, "status": "in_progress"}}),
        ("response.content_part.added", {**place, "part": part}),
        *(("response.output_text.delta", {**place, "delta": word, "logprobs": []}) for word in words),
        ("response.output_text.done", {**place, "text": text, "logprobs": []}),
        ("response.content_part.done", {**place, "part": {**part, "text": text}}),
        ("response.output_item.done", {"output_index": 0, "item": done}),
        ("response.completed", {"response": final}),
    ]
    return [
        json.dumps({"type": type_, "sequence_number": number, **body})
        for number, (type_, body) in enumerate(bodies)
    ]


def main() -> None:
    """Print the number of events checked in a second: the best of some rounds."""
    texts = stream(EVENTS)
    best = min(_seconds(texts) for _ in range(ROUNDS))
    print(f"checking: {len(texts)} events in {best:.3f} s, {len(texts) / best:,.0f} events/s")


def _seconds(texts: list[str]) -> float:
    start = time.perf_counter()
    findings = check(Event.parse(text) for text in texts)
    seconds = time.perf_counter() - start
    assert not findings, findings[:3]
    return seconds


if __name__ == "__main__":
    main()
