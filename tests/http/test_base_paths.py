from pathlib import Path

import pytest
from starlette.testclient import TestClient

from respool.errors import OptionError
from respool.http import create_app
from respool.http.base_paths import base_paths_of, below_base_path
from respool.recordings.store import Store
from respool.server.mock_server import MockServer


@pytest.mark.parametrize(
    ("given", "path", "meant"),
    [
        ([], "/api/v1/responses", "/v1/responses"),
        ([], "/backend-api/codex/responses", "/v1/responses"),
        ([], "/backend-api/codex/responses/resp_1", "/v1/responses/resp_1"),
        ([], "/responses", None),
        ([], "/api/else", None),
        ([], "/apiv1/responses", None),
        (["/"], "/responses", "/v1/responses"),
        (["/"], "/healthz", None),
        (["/"], "/openai/responses", None),
        (["/llm"], "/llm/v1/responses", "/v1/responses"),
        (["/llm/"], "/llm/responses", "/v1/responses"),
        (["/llm"], "/llm/__admin/requests", "/__admin/requests"),
        (["/llm"], "/llm/r/a/v1/responses", "/r/a/v1/responses"),
        (["/a", "/a/b"], "/a/b/v1/models", "/v1/models"),
    ],
)
def test_what_is_below_a_base_path_is_the_api(given: list[str], path: str, meant: str | None) -> None:
    assert below_base_path(path, base_paths_of(given)) == meant


@pytest.mark.parametrize("path", ["", "llm", "/a?b"])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(OptionError, match="base-path is"):
        base_paths_of([path])


def test_the_journal_has_the_path_below_the_base_path() -> None:
    server = MockServer(Store(Path(__file__).parents[2] / "fixtures/text"))
    client = TestClient(create_app(server, base_paths=["/llm"]))
    for path in ("/llm/v1/models", "/llm/s/t/v1/models", "/v1/models"):
        assert client.get(path).status_code == 200
    assert [exchange.path for exchange in server.journal] == ["/v1/models", "/s/t/v1/models", "/v1/models"]
