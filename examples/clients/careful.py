"""A client that no fault fools: it waits only so long, and believes nothing but response.completed.

respool drill --recording text/hello fixtures/ --set all -- python examples/clients/careful.py
"""

import asyncio
import sys

from openai import AsyncOpenAI, OpenAIError

DEADLINE = 5  # seconds for the answer, with all retries; a real model wants more


class Failed(Exception):
    """The stream has ended without the whole answer."""


async def answer(question: str) -> str:
    async with (
        AsyncOpenAI() as client,
        await client.responses.create(model="gpt-5.2", input=question, stream=True) as stream,
    ):
        async for event in stream:
            if event.type == "response.completed":
                # The final response has all of the text, even if a delta was lost on the way.
                return event.response.output_text
            if event.type in ("response.failed", "response.incomplete", "error"):
                raise Failed(f"the answer ended with {event.type}")
    raise Failed("the stream ended before the answer did")


async def main() -> None:
    try:
        # A read timeout alone would not do: a stalled server may go on to send comments.
        async with asyncio.timeout(DEADLINE):
            print(await answer("Say hello."))
    except TimeoutError:
        sys.exit(f"no answer within {DEADLINE} s")
    except (OpenAIError, Failed) as error:
        sys.exit(f"no answer: {error}")


asyncio.run(main())
