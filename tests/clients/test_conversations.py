"""Conversations, input tokens, compaction and models, with the openai SDKs over a real socket."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Awaitable
from inspect import isawaitable
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI, BadRequestError, NotFoundError, OpenAI

from respool.testing import RunningServer

NODE = Path(__file__).parents[1] / "node"


@pytest.fixture(params=[OpenAI, AsyncOpenAI], ids=["sync", "async"])
async def client(request: pytest.FixtureRequest, running: RunningServer) -> AsyncIterator[Any]:
    client = request.param(base_url=running.base_url, api_key="any", max_retries=0)
    yield client
    await got(client.close())


async def got(value: Any) -> Any:
    """What a call comes to, of the synchronous client or of the other."""
    return await value if isawaitable(value) else value


async def all_of(pages: Any) -> list[Any]:
    """All items of a list, as the SDK pages through it by itself."""
    if isinstance(pages, Awaitable):
        return [item async for item in pages]  # type: ignore[attr-defined]
    return list(pages)


def texts(items: list[Any]) -> list[str]:
    return [item.content[0].text for item in items]


def said(*words: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": word} for word in words]


async def test_a_conversation_lives_from_create_to_delete(client: Any) -> None:
    conversations = client.conversations
    made = await got(conversations.create(items=said("hi"), metadata={"topic": "demo"}))
    assert (made.object, made.metadata) == ("conversation", {"topic": "demo"})
    assert await got(conversations.retrieve(made.id)) == made
    changed = await got(conversations.update(made.id, metadata={"topic": "another"}))
    assert (changed.id, changed.metadata) == (made.id, {"topic": "another"})
    deleted = await got(conversations.delete(made.id))
    assert (deleted.id, deleted.deleted, deleted.object) == (made.id, True, "conversation.deleted")
    with pytest.raises(NotFoundError, match=f"Conversation with id '{made.id}' not found."):
        await got(conversations.retrieve(made.id))


async def test_items_are_added_listed_read_and_deleted(client: Any) -> None:
    conversation = (await got(client.conversations.create(items=said("a")))).id
    items = client.conversations.items
    added = await got(items.create(conversation, items=said("b", "c")))
    assert (texts(added.data), added.has_more) == (["b", "c"], False)
    assert texts(await all_of(items.list(conversation))) == ["c", "b", "a"]
    read = await got(items.retrieve(added.first_id, conversation_id=conversation))
    assert read == added.data[0]
    left = await got(items.delete(added.first_id, conversation_id=conversation))
    assert left.id == conversation
    assert texts(await all_of(items.list(conversation, order="asc"))) == ["a", "c"]
    with pytest.raises(NotFoundError, match=f"Item with id '{added.first_id}' not found."):
        await got(items.retrieve(added.first_id, conversation_id=conversation))


@pytest.mark.parametrize("limit", [1, 3, 20, 100])
@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_the_sdk_pages_through_all_items(order: str, limit: int, client: Any) -> None:
    words = [f"word {number}" for number in range(7)]
    conversation = (await got(client.conversations.create(items=said(*words)))).id
    listed = client.conversations.items.list(conversation, order=order, limit=limit)
    assert texts(await all_of(listed)) == (words if order == "asc" else words[::-1])


async def test_what_include_names_is_told(client: Any) -> None:
    image: Any = {"type": "input_image", "image_url": "https://example.com/a.png", "detail": "low"}
    conversation = (await got(client.conversations.create())).id
    items, include = client.conversations.items, ["message.input_image.image_url"]
    added = await got(
        items.create(conversation, items=[{"role": "user", "content": [image]}], include=include)
    )
    assert added.data[0].content[0].image_url == image["image_url"]
    (without,) = await all_of(items.list(conversation))
    assert without.content[0].image_url is None
    (told,) = await all_of(items.list(conversation, include=include))
    assert told.content[0].image_url == image["image_url"]


async def test_more_than_twenty_items_at_once_are_refused(client: Any) -> None:
    with pytest.raises(BadRequestError) as raised:
        await got(client.conversations.create(items=said(*["x"] * 21)))
    assert (raised.value.code, raised.value.param) == ("array_above_max_length", "items")


async def test_input_tokens_are_counted(client: Any) -> None:
    counted = await got(client.responses.input_tokens.count(model="any", input="x" * 40))
    assert (counted.object, counted.input_tokens) == ("response.input_tokens", 10)


async def test_a_conversation_is_compacted(client: Any) -> None:
    history = [*said("a"), {"role": "assistant", "content": "b"}, *said("c")]
    compacted = await got(client.responses.compact(model="gpt-5.2", input=history))
    *messages, compaction = compacted.output
    assert (texts(messages), compaction.type) == (["a", "c"], "compaction")
    assert compaction.encrypted_content
    # It goes back as the input of what follows.
    following = [item.to_dict(warnings=False) for item in compacted.output]
    response = await got(client.responses.create(model="text/hello", input=following))
    assert response.status == "completed"


async def test_models_are_listed_and_retrieved(client: Any) -> None:
    listed = await all_of(client.models.list())
    model = await got(client.models.retrieve("text/hello"))
    assert model in listed
    with pytest.raises(NotFoundError, match="The model 'gpt-0' does not exist") as raised:
        await got(client.models.retrieve("gpt-0"))
    assert raised.value.code == "model_not_found"


def test_many_clients_have_conversations_of_their_own(running: RunningServer) -> None:
    async def talk(client: AsyncOpenAI, name: str) -> list[str]:
        conversation = (await client.conversations.create()).id
        for number in range(5):
            await client.conversations.items.create(conversation, items=said(f"{name} {number}"))  # type: ignore[arg-type]
        return texts([item async for item in client.conversations.items.list(conversation, order="asc")])

    async def run() -> list[list[str]]:
        async with AsyncOpenAI(base_url=running.base_url, api_key="any") as client:
            return await asyncio.gather(*(talk(client, name) for name in "abcdefghij"))

    for name, words in zip("abcdefghij", asyncio.run(run()), strict=True):
        assert words == [f"{name} {number}" for number in range(5)]


@pytest.fixture(scope="module")
def seen(running: RunningServer) -> dict[str, Any]:
    """What the SDK for Node made of the same."""
    script = subprocess.run(
        ["node", NODE / "conversations.mjs", running.base_url],
        check=True,
        stdout=subprocess.PIPE,
        timeout=60,
    )
    return json.loads(script.stdout)


@pytest.mark.node
def test_the_sdk_for_node_does_the_same(seen: dict[str, Any]) -> None:
    assert seen["created"]["metadata"] == {"topic": "demo"}
    assert seen["retrieved"] == seen["created"]
    assert seen["updated"] == {**seen["created"], "metadata": {"topic": "another"}}
    assert [item["content"][0]["text"] for item in seen["paged"]] == ["a", "b", "c"]
    assert seen["item"] == seen["paged"][0]
    assert seen["left"] == seen["updated"]
    assert seen["deleted"] == {
        "id": seen["created"]["id"],
        "object": "conversation.deleted",
        "deleted": True,
    }
    assert seen["gone"] == f"404 Conversation with id '{seen['created']['id']}' not found."
    assert seen["counted"] == {"object": "response.input_tokens", "input_tokens": 10}
    assert [item["type"] for item in seen["compacted"]["output"]] == ["message", "compaction"]
    assert seen["model"]["id"] == "text/hello"
