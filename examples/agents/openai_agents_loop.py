"""An agent with one tool, made with openai-agents: which words of a model does its loop cope with?

pip install openai-agents
respool drill --recording tools/get_weather fixtures/ --cases model -- python openai_agents_loop.py
"""

import asyncio
import sys

from agents import Agent, Runner, function_tool, set_tracing_disabled

DEADLINE = 10  # seconds for all turns


@function_tool
def get_weather(city: str, unit: str) -> str:
    """Current weather of a city."""
    print(f"get_weather({city}, {unit})")
    return f"18 degrees {unit} in {city}"


async def main() -> None:
    agent = Agent(name="Weather", instructions="Answer in a sentence.", model="gpt-5.5", tools=[get_weather])
    async with asyncio.timeout(DEADLINE):
        result = Runner.run_streamed(agent, "What is the weather in Paris now?", max_turns=5)
        async for _ in result.stream_events():
            pass
    print(result.final_output)


if __name__ == "__main__":
    set_tracing_disabled(True)
    try:
        asyncio.run(main())
    except Exception as error:
        sys.exit(f"{type(error).__name__}: {error}")
