"""A real Chromium for tests of pages. Without one they are skipped, and say so."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

# Debian's first; CHROMIUM names another one.
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def executable() -> str | None:
    """Return the path of the browser, or None."""
    named = os.environ.get("CHROMIUM")
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)


@contextmanager
def chromium() -> Iterator[Any]:
    """Give a browser, as playwright has it; skip where there is none.

    Its API blocks and has an event loop of its own in this thread. So it must have ended before an async test
    runs: use it in fixtures of a module.
    """
    playwright = pytest.importorskip("playwright.sync_api", reason="no browser tests: install playwright")
    path = executable()
    if path is None:
        pytest.skip("no browser tests: there is no chromium (apt-get install chromium)")
    with playwright.sync_playwright() as started:
        # As root in a container it has no sandbox of its own; /dev/shm is small there.
        flags = (
            ["--no-sandbox", "--disable-dev-shm-usage"] if os.name == "posix" and os.geteuid() == 0 else []
        )
        browser = started.chromium.launch(executable_path=path, args=flags)
        try:
            yield browser
        finally:
            browser.close()
