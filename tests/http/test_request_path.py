import pytest

from respool.http.base_paths import base_paths_of
from respool.http.request_path import PathReader, RequestPath, read_path

PACE = ((b"x-respool-pace", b"2"),)


@pytest.mark.parametrize(
    ("path", "read"),
    [
        ("/v1/responses", RequestPath("/v1/responses", "/v1/responses")),
        ("/healthz", RequestPath("/healthz", "/healthz")),
        ("/r/a/v1/responses", RequestPath("/r/a/v1/responses", "/v1/responses", None, "a")),
        ("/r/a/b#2/v1/models", RequestPath("/r/a/b#2/v1/models", "/v1/models", None, "a/b#2")),
        ("/r/v1/v1/responses", RequestPath("/r/v1/v1/responses", "/v1/responses", None, "v1")),
        ("/r//v1/responses", RequestPath("/r//v1/responses", "/r//v1/responses")),
        ("/r/v1/responses", RequestPath("/r/v1/responses", "/r/v1/responses")),
        ("/s/t/v1/responses", RequestPath("/s/t/v1/responses", "/v1/responses", "t")),
        ("/s/t/r/a/v1/responses", RequestPath("/s/t/r/a/v1/responses", "/v1/responses", "t", "a")),
        ("/s//v1/responses", RequestPath("/s//v1/responses", "/s//v1/responses")),
        ("/s/t", RequestPath("/s/t", "/s/t")),
        ("/s/t/", RequestPath("/s/t/", "/", "t")),
        ("/openai/v1/responses", RequestPath("/openai/v1/responses", "/v1/responses")),
        ("/r/a/openai/v1/models", RequestPath("/r/a/openai/v1/models", "/v1/models", None, "a/openai")),
        ("/x/v1/responses", RequestPath("/x/v1/responses", "/x/v1/responses")),
        ("/api/v1/responses", RequestPath("/v1/responses", "/v1/responses")),
        ("/api/s/t/r/a/v1/responses", RequestPath("/s/t/r/a/v1/responses", "/v1/responses", "t", "a")),
        ("/r/a/with/pace=2/v1/m", RequestPath("/r/a/with/pace=2/v1/m", "/v1/m", None, "a", PACE)),
        ("/r/a/with/x=2/v1/m", RequestPath("/r/a/with/x=2/v1/m", "/v1/m", None, "a/with/x=2")),
    ],
)  # fmt: skip
def test_a_path_says_what_plays_and_in_which_session(path: str, read: RequestPath) -> None:
    known = PathReader(base_paths_of())
    for _ in range(2):  # the second time it is remembered
        found = known.read(path, False, False)
        assert found._replace(headers=tuple(found.headers)) == read


def test_azures_older_paths_need_an_api_version() -> None:
    for path, name in (("/openai/responses", None), ("/r/a/openai/responses", "a/openai")):
        read = read_path(path, False, True, ())
        assert (read.path, read.name) == ("/v1/responses", name)
        assert read_path(path, False, False, ()).path == path


def test_no_base_path_is_cut_off_below_another_apps_path() -> None:
    assert read_path("/api/v1/responses", True, False, base_paths_of()).path == "/api/v1/responses"


def test_long_paths_are_read_and_not_remembered() -> None:
    known = PathReader(())
    long = f"/r/{'a' * 5000}/v1/responses"
    assert known.read(long, False, False).name == "a" * 5000
    assert known._known.cache_info().currsize == 0
