"""Pydantic AI."""

from typing import Any

from driver import QUESTION, answer, main, model_of
from openai import AsyncOpenAI
from pydantic_ai import Agent
from pydantic_ai.messages import PartDeltaEvent, PartStartEvent, TextPart, TextPartDelta
from pydantic_ai.models.openai import OpenAIResponsesModel, OpenAIResponsesModelSettings
from pydantic_ai.providers.openai import OpenAIProvider


async def run(kind: str, name: str, calls: list[str]) -> str:
    settings = OpenAIResponsesModelSettings()
    if kind == "previous":
        settings["openai_previous_response_id"] = "auto"
    provider = OpenAIProvider(openai_client=AsyncOpenAI(max_retries=0))
    agent: Any = Agent(OpenAIResponsesModel(model_of(name), provider=provider), model_settings=settings)
    looped = kind in ("grown", "previous")
    if looped:

        @agent.tool_plain
        def get_weather(city: str, unit: str) -> str:
            calls.append("get_weather")
            return answer("get_weather", {"city": city, "unit": unit})

        @agent.tool_plain
        def tide_table(port: str) -> str:
            calls.append("tide_table")
            return answer("tide_table", {"port": port})

    text = ""
    async with agent.iter(QUESTION if looped else "Say hello") as nodes:
        async for node in nodes:
            if not Agent.is_model_request_node(node):
                continue
            async with node.stream(nodes.ctx) as stream:
                async for event in stream:
                    if isinstance(event, PartStartEvent) and isinstance(event.part, TextPart):
                        text += event.part.content
                    elif isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
                        text += event.delta.content_delta
    return text


main(run)
