"""openai-agents over WebSocket; skipped where the package is not installed."""

import gc
from typing import Any

import pytest

from respool.testing import RunningServer

agents = pytest.importorskip("agents", reason="openai-agents is not installed: pip install openai-agents")

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


async def run(running: RunningServer, name: str, **agent: Any) -> Any:
    provider = agents.OpenAIProvider(
        api_key="any", base_url=running.base_url_of(name), use_responses=True, use_responses_websocket=True
    )
    config = agents.RunConfig(model_provider=provider, tracing_disabled=True)
    asked = agents.Agent(name="a", model="gpt-5", **agent)
    try:
        return await agents.Runner.run(asked, "Hello!", run_config=config)
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
