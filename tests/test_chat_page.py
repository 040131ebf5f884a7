"""examples/chat_page in Chromium: each state of a chat, held for as long as it is looked at. Nothing sleeps.

RESPOOL_CHAT_PAGE_RUNS=200 runs each test so many times.
"""

import os
import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.browser import chromium

from respool import running_server
from respool.testing import RunningServer

ROOT = Path(__file__).parents[1]
RUNS = int(os.environ.get("RESPOOL_CHAT_PAGE_RUNS", "1"))
SESSIONS = count(1)
PATIENCE = 60_000  # milliseconds after which it has failed, on a machine that is busy as well

pytestmark = [
    pytest.mark.parametrize("run", range(RUNS)),
    pytest.mark.skipif(not hasattr(RunningServer, "hold"), reason="streams cannot be held yet"),
]


class _Files(SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The origin of the example's files."""
    handler = partial(_Files, directory=str(ROOT / "examples" / "chat_page"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def respool() -> Iterator[Any]:
    with running_server(ROOT / "fixtures") as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A browser's context: each page in it has a session storage of its own."""
    with chromium() as started:
        yield started.new_context()


class Chat:
    """The page in one tab, in a session of its own."""

    def __init__(self, page: Any, site: str, respool: Any) -> None:
        from playwright.sync_api import expect

        expect.set_options(timeout=PATIENCE)
        page.set_default_timeout(PATIENCE)
        self.page, self.site, self.respool, self.expect = page, site, respool, expect
        self.session = f"chat-{next(SESSIONS)}"
        self.answer = page.locator("li.model").last
        self.typing = self.answer.locator(".typing")
        self.text = self.answer.locator(".text")
        self.reasoning = self.answer.locator(".reasoning")
        self.error = self.answer.get_by_role("alert")

    def ask(self, recording: str, text: str = "Hello") -> None:
        """Open the page, and ask something."""
        base = f"{self.respool.url}/s/{self.session}/r/{recording}/v1"
        self.page.goto(f"{self.site}/?base={quote(base)}")
        self.page.get_by_role("textbox", name="Message").fill(text)
        self.page.get_by_role("button", name="Send").click()

    def hold(self, recording: str, at: str) -> Any:
        return self.respool.hold(recording, at=at, session=self.session)

    def has_ended(self, state: str = "done") -> None:
        self.expect(self.answer).to_have_attribute("data-state", state)


@pytest.fixture
def chat(browser: Any, site: str, respool: Any) -> Iterator[Chat]:
    page = browser.new_page()
    try:
        yield Chat(page, site, respool)
    finally:
        page.close()


def deltas(respool: Any, recording: str, type: str = "response.output_text.delta") -> list[str]:
    return [
        timed.event.data["delta"]
        for timed in respool.server.store.get(recording).events
        if timed.event.type == type
    ]


def test_typing_is_shown_from_the_beginning_until_there_is_text(run: int, chat: Chat) -> None:
    with chat.hold("text/hello", "response.created") as stream:
        chat.ask("text/hello")
        stream.wait_held()
        chat.expect(chat.typing).to_be_visible()
        chat.expect(chat.text).to_have_count(0)
        stream.until("response.output_text.delta", nth=2)
        chat.expect(chat.text).to_have_text("".join(deltas(chat.respool, "text/hello")[:2]))
        chat.expect(chat.typing).to_have_count(0)
        chat.has_ended("running")
    chat.has_ended()
    chat.expect(chat.text).to_have_text("".join(deltas(chat.respool, "text/hello")), use_inner_text=True)


def test_stop_ends_the_answer_in_the_middle(run: int, chat: Chat) -> None:
    with chat.hold("text/hello", "response.output_text.delta") as stream:
        chat.ask("text/hello")
        stream.wait_held()
        chat.expect(chat.text).to_have_text(deltas(chat.respool, "text/hello")[0])
        with chat.page.expect_response(re.compile("/cancel$")) as cancelled:
            chat.page.get_by_role("button", name="Stop").click()
        assert cancelled.value.json()["status"] == "cancelled"
        chat.has_ended("stopped")
        chat.expect(chat.text).to_have_text(deltas(chat.respool, "text/hello")[0])
        chat.expect(chat.page.get_by_role("button", name="Send")).to_be_enabled()


def test_reasoning_comes_before_the_text(run: int, chat: Chat) -> None:
    with chat.hold("reasoning/summary", "response.reasoning_summary_text.done") as stream:
        chat.ask("reasoning/summary")
        stream.wait_held()
        chat.expect(chat.reasoning).to_contain_text("Working out both arrivals")
        chat.expect(chat.typing).to_be_visible()
        chat.expect(chat.text).to_have_count(0)
        stream.until("response.output_text.delta")
        chat.expect(chat.text).to_have_text(deltas(chat.respool, "reasoning/summary")[0].strip())
        chat.expect(chat.typing).to_have_count(0)
    chat.has_ended()


def test_a_failure_in_the_middle_is_a_card_with_what_came_before(run: int, chat: Chat) -> None:
    with chat.hold("text/hello", "response.output_text.delta") as stream:
        chat.ask("text/hello")
        stream.wait_held()
        chat.expect(chat.error).to_have_count(0)
        stream.fail("server_error", message="The model is overloaded.")
        chat.expect(chat.error).to_contain_text("The model is overloaded.")
        chat.expect(chat.text).to_have_text(deltas(chat.respool, "text/hello")[0])
    chat.has_ended("failed")
    chat.page.get_by_role("button", name="Try again").click()
    chat.has_ended()


def test_a_lost_connection_is_a_card(run: int, chat: Chat) -> None:
    with chat.hold("text/hello", "response.created") as stream:
        chat.ask("text/hello")
        stream.wait_held()
        stream.cut()
        chat.expect(chat.error).to_contain_text("The answer broke off.")


def test_an_answer_goes_on_after_a_reload(run: int, chat: Chat) -> None:
    said = deltas(chat.respool, "text/hello")
    with chat.hold("text/hello", "response.output_text.delta") as stream:
        chat.ask("text/hello")
        stream.wait_held()
        chat.expect(chat.text).to_have_text(said[0])
        chat.page.reload()
        chat.expect(chat.text).to_have_text(said[0])
        chat.has_ended("running")
    chat.has_ended()
    chat.expect(chat.text).to_have_text("".join(said), use_inner_text=True)
