"""openai-agents: pip install openai-agents"""

import asyncio

import openai
from agents import Agent, OpenAIResponsesModel, Runner, function_tool, set_tracing_disabled
from openai.types.responses import ResponseTextDeltaEvent

set_tracing_disabled(True)
client = openai.AsyncOpenAI(max_retries=0)


def model(recording: str) -> OpenAIResponsesModel:
    return OpenAIResponsesModel(recording, client)


@function_tool
def get_weather(city: str, unit: str) -> str:
    """Current weather of a city."""
    return f"18 degrees {unit} in {city}"


async def main() -> None:
    result = Runner.run_streamed(Agent(name="Greeter", model=model("text/hello")), "Say hello")
    text = ""
    async for event in result.stream_events():
        if event.type == "raw_response_event" and isinstance(event.data, ResponseTextDeltaEvent):
            text += event.data.delta
    print("text:", text)

    agent = Agent(name="Weather", model=model("tools/get_weather"), tools=[get_weather])
    print("tool:", (await Runner.run(agent, "What is the weather in Paris now?")).final_output)

    try:
        await Runner.run(Agent(name="Limited", model=model("errors/rate_limit")), "Hi")
    except openai.RateLimitError as error:
        print("error:", error.status_code)


asyncio.run(main())
