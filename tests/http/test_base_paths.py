import pytest

from respool.errors import OptionError
from respool.http.base_paths import base_paths_of, below_base_path


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
