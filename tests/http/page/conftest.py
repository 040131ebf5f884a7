"""What the tests of the page need: Chromium, servers, and tabs whose errors fail the test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.browser import chromium

from respool.http import create_app
from respool.recordings.store import Store
from respool.server.mock_server import MockServer
from respool.testing import serving

ROOT = Path(__file__).parents[3]
PATIENCE = 60_000  # milliseconds after which it has failed, on a machine that is busy as well

# What a browser says of a request that is meant to fail is no error of the page.
_MEANT = ("Failed to load resource", "This document requires 'TrustedHTML' assignment")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def fixtures_server() -> MockServer:
    return MockServer(Store([ROOT / "fixtures"]))


@pytest.fixture(scope="module")
def url(fixtures_server: MockServer) -> Iterator[str]:
    """The address of a server of fixtures/."""
    with serving(create_app(fixtures_server)) as found:
        yield found


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """``serve(server, **options)``: the address of a server that runs until the test ends."""
    with ExitStack() as stack:
        yield lambda server, **options: stack.enter_context(serving(create_app(server, **options)))


@pytest.fixture
def tab(browser: Any) -> Iterator[Callable[..., Any]]:
    """``tab(url, **options)``: a tab, with a storage of its own, that shows it."""
    from playwright.sync_api import expect

    expect.set_options(timeout=PATIENCE)
    contexts: list[Any] = []
    problems: list[str] = []

    def show(address: str, **options: Any) -> Any:
        context = browser.new_context(viewport={"width": 1300, "height": 900}, **options)
        contexts.append(context)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on(
            "console",
            lambda said: (
                problems.append(said.text)
                if said.type in ("error", "warning") and not said.text.startswith(_MEANT)
                else None
            ),
        )
        page.goto(address)
        return page

    yield show
    for context in contexts:
        context.close()
    assert problems == []
