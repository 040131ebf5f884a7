"""The bug: it waits for the end of the response, and does not look which end it is.

respool drill --recording text/hello fixtures/ -- python examples/clients/ignores_failed.py
"""

import asyncio
import sys

from openai import AsyncOpenAI

ENDS = ("response.completed", "response.failed", "response.incomplete")


async def main() -> None:
    async with (
        asyncio.timeout(5),
        AsyncOpenAI() as client,
        await client.responses.create(model="gpt-5.2", input="Say hello.", stream=True) as stream,
    ):
        async for event in stream:
            if event.type == "error":
                sys.exit(f"no answer: {event.message}")
            if event.type in ENDS:
                # Here is the bug: a response that has failed has an output_text as well, as far as it came.
                print(event.response.output_text)
                return
    sys.exit("the stream ended before the answer did")


asyncio.run(main())
