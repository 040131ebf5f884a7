import asyncio
from pathlib import Path

import httpx2
import pytest
from openai import AsyncOpenAI

from respool import Pace, async_running_server, mock_app

FIXTURES = Path(__file__).parent.parent / "fixtures"


async def test_a_server_runs_beside_the_event_loop_until_the_block_ends() -> None:
    async with (
        async_running_server(FIXTURES / "text", pace=Pace(speed=1000)) as running,
        AsyncOpenAI(base_url=running.base_url_of("hello"), api_key="any") as client,
    ):
        response = await client.responses.create(model="gpt-5", input="Hi")
        assert response.output_text.startswith("Hello!")
        assert running.requests.last.input_text == "Hi"
    async with httpx2.AsyncClient() as http:
        with pytest.raises(httpx2.ConnectError):
            await http.get(running.url)


async def test_what_is_raised_in_the_block_is_raised_and_the_server_ends() -> None:
    with pytest.raises(asyncio.CancelledError):
        async with async_running_server(FIXTURES / "text") as running:
            raise asyncio.CancelledError
    async with httpx2.AsyncClient() as http:
        with pytest.raises(httpx2.ConnectError):
            await http.get(running.url)


async def test_an_app_in_process_answers_without_a_socket() -> None:
    app = mock_app(FIXTURES / "text", default="hello", pace=Pace(speed=1000))
    transport = httpx2.ASGITransport(app)
    async with (
        httpx2.AsyncClient(transport=transport, base_url="http://respool") as http,
        AsyncOpenAI(base_url="http://respool/v1", api_key="any", http_client=http) as client,
    ):
        stream = await client.responses.create(model="gpt-5", input="Hi", stream=True)
        events = [event.type async for event in stream]
    assert events[0] == "response.created"
    assert events[-1] == "response.completed"
