"""Loops with a tool, as real clients run them: no stub, no counter, in parallel and with retries."""

import asyncio
import json
import math
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import AsyncOpenAI, OpenAI

from respool import Pace, running_server
from respool.testing import RunningServer

TESTS = Path(__file__).parents[1]
FIXTURES = TESTS.parent / "fixtures"
TWO_TURNS = """\
model: gpt-5.2
turns:
  - output:
      - function_call: {name: tide_table, arguments: {port: Kiel}, call_id: call_tide}
  - text: High tide in Kiel is at noon.
"""
STUBS = """\
stubs:
  - match: {last_user_text: log in}
    play: {text: Welcome.}
    scenario: {name: login, becomes: In}
  - match: {last_user_text: "who am I?"}
    play: {text: Ann.}
    scenario: {name: login, requires: In}
  - match: {last_user_text: "who am I?"}
    play: {text: Nobody.}
"""
LOOPS = {"two-turn-loop": "High tide in Kiel is at noon.", "tools/get_weather": None}
ASK = {"role": "user", "content": "Please look it up."}


@pytest.fixture(scope="module", params=["recorded", "fresh"])
def serving(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("served")
    (folder / "two-turn-loop.script.yaml").write_text(TWO_TURNS)
    (folder / "stubs.yaml").write_text(STUBS)
    with running_server(FIXTURES, folder, ids=request.param, pace=Pace(speed=math.inf)) as running:
        yield running


async def loop(client: AsyncOpenAI, model: str, *, stateful: bool) -> tuple[int, str]:
    """How many turns a loop took, and the text at its end."""
    given: Any = [ASK]
    previous = None
    for turn in range(1, 6):
        more = {"previous_response_id": previous} if previous else {}
        async with client.responses.stream(model=model, input=given, **more) as stream:
            response = await stream.get_final_response()
        outputs = [
            {"type": "function_call_output", "call_id": item.call_id, "output": "noon, 18 degrees"}
            for item in response.output
            if item.type == "function_call"
        ]
        if not outputs:
            return turn, response.output_text
        if stateful:
            given, previous = outputs, response.id
        else:
            given = [*given, *response.output, *outputs]
    raise AssertionError("it never ended")


@pytest.mark.parametrize("name", LOOPS)
@pytest.mark.parametrize("stateful", [False, True])
async def test_loops_of_the_sdk_for_python_end_in_parallel(
    name: str, stateful: bool, serving: RunningServer
) -> None:
    async with AsyncOpenAI(base_url=serving.base_url, api_key="any") as client:
        ended = await asyncio.gather(*(loop(client, name, stateful=stateful) for _ in range(20)))
    (result,) = set(ended)
    assert result[0] == 2
    assert LOOPS[name] in (None, result[1])


@pytest.mark.node
def test_loops_of_the_sdk_for_node_end_in_parallel(serving: RunningServer) -> None:
    script = [TESTS / "node" / "turns.mjs", serving.base_url, *LOOPS]
    done = subprocess.run(["node", *script], check=True, stdout=subprocess.PIPE, timeout=60)
    told = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert len(told) == 6
    for one in told:
        assert one["error"] is None
        assert one["turns"] == 2
        assert LOOPS[one["model"]] in (None, one["text"])


@pytest.mark.parametrize("session", ["", "one", "two"])
def test_a_retry_of_the_sdk_succeeds_once_in_each_session(session: str, serving: RunningServer) -> None:
    headers = {"x-respool-session": f"{session}-{serving.server.ids}"}
    seen: list[int] = []
    http = httpx2.Client(event_hooks={"response": [lambda response: seen.append(response.status_code)]})
    with OpenAI(
        base_url=serving.base_url, api_key="any", http_client=http, default_headers=headers
    ) as client:
        told = [client.responses.create(model="scripts/retry", input="Hi").output_text for _ in range(2)]
    assert told[0] == told[1] != ""
    assert seen == [503, 200, 200]


async def run_agent(running: RunningServer, model: str, tool: Any, session: str) -> str:
    from agents import Agent, OpenAIResponsesModel, Runner

    headers = {"x-respool-session": session}
    async with AsyncOpenAI(base_url=running.base_url, api_key="any", default_headers=headers) as client:
        agent = Agent(name="A", model=OpenAIResponsesModel(model, client), tools=[tool])
        result = Runner.run_streamed(agent, "Please look it up.", max_turns=4)
        async for _ in result.stream_events():
            pass
    return str(result.final_output)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_agents_end_their_loops_in_parallel(serving: RunningServer) -> None:
    agents = pytest.importorskip("agents", reason="openai-agents is not installed")
    agents.set_tracing_disabled(True)
    asked: list[str] = []

    @agents.function_tool
    def tide_table(port: str) -> str:
        """When the tide is high."""
        asked.append(port)
        return "noon"

    @agents.function_tool
    def get_weather(city: str, unit: str) -> str:
        """The weather of a city."""
        asked.append(city)
        return "18 degrees"

    tools = {"two-turn-loop": tide_table, "tools/get_weather": get_weather}
    runs = [
        run_agent(serving, name, tool, f"agent-{number % 3}-{serving.server.ids}")
        for name, tool in tools.items()
        for number in range(10)
    ]
    ended = await asyncio.gather(*runs)
    assert set(ended[:10]) == {LOOPS["two-turn-loop"]}
    assert len(set(ended[10:])) == 1
    assert len(asked) == 20


async def test_two_hundred_sessions_with_scenarios_of_their_own_do_not_mix(serving: RunningServer) -> None:
    async def talk(number: int, client: AsyncOpenAI) -> list[str]:
        headers = {"x-respool-session": f"talk-{number}-{serving.server.ids}"}
        logs_in = number % 2 == 0
        said = ["who am I?", "log in", "who am I?"] if logs_in else ["who am I?", "who am I?"]
        told = []
        for text in said:
            response = await client.responses.create(model="gpt-5.2", input=text, extra_headers=headers)
            told.append(response.output_text)
        return told

    limits = httpx2.Limits(max_connections=200)
    http = httpx2.AsyncClient(limits=limits, timeout=60)
    async with AsyncOpenAI(
        base_url=serving.base_url, api_key="any", http_client=http, max_retries=0
    ) as client:
        told = await asyncio.gather(*(talk(number, client) for number in range(200)))
    for number, one in enumerate(told):
        assert one == (["Nobody.", "Nobody."] if number % 2 else ["Nobody.", "Welcome.", "Ann."])
