"""The usual app without Respool: plain FastAPI and sse-starlette.

It sleeps for each gap and encodes each event as it goes. It reads the same recordings and answers
the same URLs, so that the two can be measured side by side. Settings come from the environment:
PLAIN_RECORDINGS, a folder; PLAIN_SPEED, "instant" or nothing.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from sse_starlette import EventSourceResponse

INSTANT = os.environ.get("PLAIN_SPEED") == "instant"

app = FastAPI()
recordings = {
    path.stem: [json.loads(line) for line in path.read_text().splitlines()]
    for path in Path(os.environ["PLAIN_RECORDINGS"]).glob("*.jsonl")
}


@app.post("/r/{name}/v1/responses")
async def create(name: str, body: dict[str, Any]) -> EventSourceResponse:
    """Play a recording."""
    return EventSourceResponse(play(recordings[name]))


async def play(lines: list[tuple[float, dict[str, Any]]]) -> AsyncIterator[dict[str, str]]:
    """Yield each event after its gap."""
    for gap, event in lines:
        await asyncio.sleep(0 if INSTANT else gap)
        yield {"event": event["type"], "data": json.dumps(event)}
