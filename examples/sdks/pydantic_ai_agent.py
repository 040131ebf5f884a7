"""Pydantic AI: pip install 'pydantic-ai-slim[openai]'"""

import asyncio

from pydantic_ai import Agent
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.models.openai import OpenAIResponsesModel


def agent(recording: str) -> Agent:
    return Agent(OpenAIResponsesModel(recording))


async def main() -> None:
    async with agent("text/hello").run_stream("Say hello") as result:
        text = "".join([piece async for piece in result.stream_text(delta=True)])
    print("text:", text)

    weather = agent("tools/get_weather")

    @weather.tool_plain
    def get_weather(city: str, unit: str) -> str:
        return f"18 degrees {unit} in {city}"

    print("tool:", (await weather.run("What is the weather in Paris now?")).output)

    try:
        await agent("errors/rate_limit").run("Hi")
    except ModelHTTPError as error:
        print("error:", error.status_code)


asyncio.run(main())
