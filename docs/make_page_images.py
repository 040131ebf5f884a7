"""Takes the pictures of docs/page.md from the page itself, in Chromium.

python docs/make_page_images.py        needs playwright (of the test group) and chromium
"""

import contextlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from respool import running_server

DOCS = Path(__file__).parent
SIZE = {"width": 1240, "height": 800}

_ASK = """([path, input]) => { fetch(path, {method: "POST", headers: {"content-type": "application/json",
    "x-respool-session": "checkout", "x-respool-hold": "before=response.output_text.delta"},
    body: JSON.stringify({model: "gpt-5.2", input, stream: true})}).then((answer) => answer.text()) }"""


def _recording(page: Any, url: str) -> None:
    page.goto(f"{url}/__admin/#/recordings/reasoning/summary")
    page.locator(".timeline").wait_for()
    page.get_by_label("Speed").select_option("10")
    page.get_by_role("button", name="Play").click()
    page.get_by_text("ended · 118 events").wait_for()


def _live(page: Any, url: str) -> None:
    page.goto(f"{url}/__admin/#/live")
    for name in ("text/hello", "reasoning/summary", "scripts/citations"):
        page.evaluate(_ASK, [f"/r/{name}/v1/responses", "Hello"])
        page.locator(".row", has_text=name).get_by_text("held").wait_for()
    page.locator(".row", has_text="reasoning/summary").click()
    for number in range(95, 102):
        page.get_by_role("button", name="Step", exact=True).click()
        page.get_by_text(f"{number - 2} of 118").first.wait_for()


def _journal(page: Any, url: str) -> None:
    page.goto(f"{url}/__admin/#/journal")
    page.locator("#feed", has_text="connected").wait_for()
    page.evaluate(_ASK, ["/r/text/hello/v1/responses", "Say hello"])
    page.evaluate(_ASK, ["/v1/responses", "Which is faster, the train or the bus?"])
    page.locator(".row", has_text="nothing answered").first.click()
    page.get_by_role("tab", name="Compare").click()
    page.get_by_role("checkbox", name="Leave out /input").first.check()


PICTURES: list[tuple[str, str, Callable[[Any, str], None]]] = [
    ("recording", "light", _recording),
    ("recording", "dark", _recording),
    ("live", "dark", _live),
    ("journal", "light", _journal),
]


def main() -> None:
    """Take each picture."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, scheme, prepare in PICTURES:
            with (
                contextlib.chdir(DOCS.parent),
                running_server("fixtures") as running,
            ):
                page = browser.new_page(viewport=SIZE, color_scheme=scheme, reduced_motion="reduce")
                prepare(page, running.url)
                page.locator("#toast").evaluate("(toast) => toast.remove()")
                page.mouse.move(0, 0)
                page.evaluate("() => document.activeElement?.blur()")
                page.screenshot(path=DOCS / "images" / f"page-{name}-{scheme}.png", animations="disabled")
                page.close()
        browser.close()


if __name__ == "__main__":
    main()
