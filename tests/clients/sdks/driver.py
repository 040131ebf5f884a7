"""What the drivers in Python share: the runs that the command line asks for, and how they are told."""

import asyncio
import inspect
import json
import os
import sys
from collections.abc import Callable
from typing import Any

BASE_URL = sys.argv[1]
QUESTION = os.environ.get("RESPOOL_QUESTION") or "What is the weather in Paris now?"
os.environ.update(OPENAI_BASE_URL=BASE_URL, OPENAI_API_KEY="any")
os.environ.pop("OPENAI_MAX_RETRIES", None)


def model_of(name: str) -> str:
    return os.environ.get("RESPOOL_MODEL") or name


def answer(tool: str, arguments: dict[str, Any]) -> str:
    """What the tools give, whichever is called."""
    return f"{tool} of {', '.join(map(str, arguments.values()))}: noon, 18 degrees"


async def tell(run: Callable[[str, str, list[str]], Any]) -> None:
    """Call ``run(kind, name, calls)``, which gives the streamed text, for each run of the command line."""
    for kind, name in zip(sys.argv[2::2], sys.argv[3::2], strict=True):
        calls: list[str] = []
        told: dict[str, Any] = {"run": kind, "name": name, "text": None, "calls": calls, "error": None}
        try:
            text = run(kind, name, calls)
            told["text"] = await text if inspect.isawaitable(text) else text
        except Exception as error:
            status = getattr(error, "status_code", None)
            told["error"] = {"type": type(error).__name__, "status": status, "text": str(error)[:500]}
        print(json.dumps(told), flush=True)


def main(run: Callable[[str, str, list[str]], Any]) -> None:
    asyncio.run(tell(run))
