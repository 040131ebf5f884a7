import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from respool.http import create_app
from respool.http.page import page_files
from respool.server.mock_server import MockServer

STATIC = Path(page_files.__file__).with_name("static")
HTML = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def client(server: Callable[..., MockServer]) -> Callable[..., Any]:
    def make(**options: Any) -> TestClient:
        return TestClient(create_app(server(), **options), follow_redirects=False)

    return make


@pytest.mark.parametrize(("path", "target"), [("/", "/__admin/"), ("/__admin", "/__admin/")])
def test_a_browser_is_led_to_the_page(path: str, target: str, client: Callable[..., Any]) -> None:
    answer = client().get(path, headers=HTML)
    assert answer.status_code == 307
    assert answer.headers["location"] == target


def test_a_browser_is_led_below_the_root_path(server: Callable[..., MockServer]) -> None:
    client = TestClient(create_app(server()), root_path="/mock", follow_redirects=False)
    assert client.get("/mock/", headers=HTML).headers["location"] == "/mock/__admin/"


@pytest.mark.parametrize("headers", [{}, {"accept": "application/json"}, {"accept": "*/*"}])
def test_a_program_gets_404_at_the_root(headers: dict[str, str], client: Callable[..., Any]) -> None:
    assert client().get("/", headers=headers).status_code == 404


def test_there_is_no_page_without_the_admin_api(client: Callable[..., Any]) -> None:
    assert client(admin=False).get("/", headers=HTML).status_code == 404
    assert client(admin=False).get("/__admin/", headers=HTML).status_code == 404


def test_who_looks_at_the_page_is_not_in_the_journal(server: Callable[..., MockServer]) -> None:
    serving = server()
    TestClient(create_app(serving)).get("/", headers=HTML)
    assert len(serving.journal) == 0


def test_every_file_of_the_page_is_served_under_the_policy(client: Callable[..., Any]) -> None:
    asked = client()
    names = page_files.PageFiles().names
    assert names == sorted(file.name for file in STATIC.iterdir())
    for path in ["", *(f"page/{name}" for name in names)]:
        answer = asked.get(f"/__admin/{path}")
        assert answer.status_code == 200, path
        assert answer.headers["content-security-policy"] == page_files.POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        again = asked.get(f"/__admin/{path}", headers={"if-none-match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


def test_the_policy_lets_nothing_run_that_is_no_file_of_the_page() -> None:
    assert "default-src 'none'" in page_files.POLICY
    assert "require-trusted-types-for 'script'" in page_files.POLICY
    assert not re.search(r"unsafe|\*|data:|https?:", page_files.POLICY)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_the_files_are_only_read(method: str, client: Callable[..., Any]) -> None:
    headers = {"content-type": "application/json"}
    assert client().request(method, "/__admin/page/main.js", headers=headers).status_code == 405


@pytest.mark.parametrize(
    "name", ["nothing.js", "../page_files.py", "%2e%2e/page_files.py", "page_files.py", ""]
)
def test_no_other_file_is_served(name: str, client: Callable[..., Any]) -> None:
    assert client().get(f"/__admin/page/{name}").status_code == 404


def test_the_page_is_open_and_what_it_shows_is_not(client: Callable[..., Any]) -> None:
    asked = client(admin_token="secret")
    assert asked.get("/__admin/").status_code == 200
    assert asked.get("/__admin/page/main.js").status_code == 200
    for path in ("recordings", "requests", "timelines/a", "recorded-events/a", "faults/kinds"):
        assert asked.get(f"/__admin/{path}").status_code == 401, path


def test_each_import_of_a_module_is_there_and_none_is_from_elsewhere() -> None:
    for module in STATIC.glob("*.js"):
        text = module.read_text("utf-8")
        for target in re.findall(r'^import .* from "([^"]+)";', text, re.MULTILINE):
            assert target.startswith("./"), (module.name, target)
            assert (STATIC / target).is_file(), (module.name, target)


@pytest.mark.parametrize(
    "sink", ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"]
)
def test_no_text_can_become_markup_or_code(sink: str) -> None:
    assert [module.name for module in STATIC.glob("*.js") if sink in module.read_text("utf-8")] == []


def test_the_index_has_nothing_inline_and_nothing_from_elsewhere() -> None:
    text = (STATIC / "index.html").read_text("utf-8")
    assert not re.search(r"<style|style=|\bon[a-z]+=|<script(?![^>]*\bsrc=)|https?:", text)
