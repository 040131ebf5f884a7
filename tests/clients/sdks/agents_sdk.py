"""openai-agents for Python; RESPOOL_WEBSOCKET=1 has it speak over WebSocket."""

import os
from typing import Any

from agents import (
    Agent,
    ModelSettings,
    OpenAIProvider,
    RunConfig,
    Runner,
    function_tool,
    set_tracing_disabled,
)
from driver import BASE_URL, QUESTION, answer, main, model_of
from openai import AsyncOpenAI
from openai.types.responses import ResponseTextDeltaEvent

set_tracing_disabled(True)


async def run(kind: str, name: str, calls: list[str]) -> str:
    @function_tool
    def get_weather(city: str, unit: str) -> str:
        """Current weather of a city."""
        calls.append("get_weather")
        return answer("get_weather", {"city": city, "unit": unit})

    @function_tool
    def tide_table(port: str) -> str:
        """When the tide is high."""
        calls.append("tide_table")
        return answer("tide_table", {"port": port})

    provider = OpenAIProvider(
        openai_client=AsyncOpenAI(base_url=BASE_URL, max_retries=0),
        use_responses=True,
        use_responses_websocket=bool(os.environ.get("RESPOOL_WEBSOCKET")),
    )
    looped = kind in ("grown", "previous")
    agent: Any = Agent(
        name="Weather",
        model=model_of(name),
        model_settings=ModelSettings(),
        tools=[get_weather, tide_table] if looped else [],
    )
    more: dict[str, Any] = {"auto_previous_response_id": True} if kind == "previous" else {}
    config = RunConfig(model_provider=provider, tracing_disabled=True)
    try:
        result = Runner.run_streamed(
            agent, QUESTION if looped else "Say hello", max_turns=6, run_config=config, **more
        )
        text = ""
        async for event in result.stream_events():
            if event.type == "raw_response_event" and isinstance(event.data, ResponseTextDeltaEvent):
                text += event.data.delta
        return text
    finally:
        await provider.aclose()


main(run)
