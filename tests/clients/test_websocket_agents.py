"""openai-agents over WebSocket; skipped where the package is not installed."""

import gc
import json
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from respool.testing import RunningServer

agents = pytest.importorskip("agents", reason="openai-agents is not installed: pip install openai-agents")

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


async def run(running: RunningServer, name: str, options: Any = None, **agent: Any) -> Any:
    provider = agents.OpenAIProvider(
        api_key="any", base_url=running.base_url_of(name), use_responses=True, use_responses_websocket=True
    )
    config = agents.RunConfig(model_provider=provider, tracing_disabled=True)
    asked = agents.Agent(name="a", model="gpt-5", **agent)
    try:
        return await agents.Runner.run(asked, "Hello!", run_config=config, **(options or {}))
    finally:
        await provider.aclose()
        gc.collect()  # after an error the package leaves its connection to that


def creates(running: RunningServer) -> int:
    return sum(one.transport == "websocket" and one.method == "POST" for one in running.server.journal)


async def test_a_text_comes_over_the_socket(running: RunningServer, events_of: Any) -> None:
    before = creates(running)
    result = await run(running, "text/hello")
    last = events_of("text/hello")[-1]["response"]["output"][-1]
    assert result.final_output == last["content"][0]["text"]
    assert creates(running) == before + 1


async def test_a_recorded_error_raises(running: RunningServer) -> None:
    with pytest.raises(Exception, match=r"(?i)rate limit|429|error"):
        await run(running, "errors/rate_limit")


@agents.function_tool
def get_weather(city: str) -> str:
    """Current weather of a city."""
    return f"sunny in {city}"


async def test_two_turns_of_a_tool_loop_go_on_by_the_previous_response(running: RunningServer) -> None:
    result = await run(
        running, "tools/get_weather", tools=[get_weather], options={"auto_previous_response_id": True}
    )
    first, second = bodies(running)[-2:]
    assert "previous_response_id" not in first
    assert second["previous_response_id"] == result.raw_responses[0].response_id
    assert [item["type"] for item in second["input"]] == ["function_call_output"]
    assert second["input"][0]["output"].startswith("sunny in ")
    assert result.final_output


async def test_reasoning_comes_as_an_item_of_its_own(running: RunningServer, events_of: Any) -> None:
    result = await run(running, "reasoning/summary")
    expected = events_of("reasoning/summary")[-1]["response"]["output"]
    items = result.raw_responses[-1].output
    assert [item.type for item in items] == [item["type"] for item in expected]
    (reasoning,) = [item for item in items if item.type == "reasoning"]
    (told,) = [item for item in expected if item["type"] == "reasoning"]
    assert [part.text for part in reasoning.summary] == [part["text"] for part in told["summary"]]


async def test_an_image_comes_whole(running: RunningServer, events_of: Any) -> None:
    result = await run(running, "images/echidna")
    kinds = [item.type for item in result.raw_responses[-1].output]
    (image,) = [item for item in result.raw_responses[-1].output if item.type == "image_generation_call"]
    expected = events_of("images/echidna")[-1]["response"]["output"]
    assert kinds == [item["type"] for item in expected]
    (told,) = [item for item in expected if item["type"] == "image_generation_call"]
    assert image.result == told["result"]


@pytest.mark.parametrize("code", [1000, 1011, 1006])
async def test_a_close_in_mid_stream_raises(code: int, running: RunningServer) -> None:
    events = events_seen(running)
    with pytest.raises(ConnectionClosed):
        await run(running, f"text/hello/with/fault=socket_close(code={code},after=3)")
    assert events_seen(running) >= events + 3


def bodies(running: RunningServer) -> list[dict[str, Any]]:
    """What was asked for over the sockets so far."""
    exchanges = [one for one in running.server.journal if one.transport == "websocket"]
    return [json.loads(one.body) for one in exchanges if one.method == "POST"]


def events_seen(running: RunningServer) -> int:
    """How many events were sent over the sockets so far."""
    return sum(one.events for one in running.server.journal if one.transport == "websocket")
