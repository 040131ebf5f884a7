import pytest

from respool.record.routes import CANCEL, CREATE, RETRIEVE, route


@pytest.mark.parametrize(
    ("method", "path", "kind", "id"),
    [
        ("POST", "/v1/responses", CREATE, ""),
        ("POST", "/responses", CREATE, ""),
        ("POST", "/openai/v1/responses", CREATE, ""),
        ("GET", "/v1/responses/resp_1", RETRIEVE, "resp_1"),
        ("POST", "/v1/responses/resp_1/cancel", CANCEL, "resp_1"),
        ("GET", "/v1/responses", "", ""),
        ("GET", "/v1/models", "", ""),
        ("POST", "/v1/responses/input_tokens", "", ""),
        ("POST", "/v1/responses/compact", "", ""),
        ("GET", "/v1/responses/resp_1/input_items", "", ""),
        ("DELETE", "/v1/responses/resp_1", "", ""),
        ("POST", "/v1/chat/completions", "", ""),
    ],
)
def test_a_path_tells_what_is_recorded(method: str, path: str, kind: str, id: str) -> None:
    found = route(method, path)
    assert (found.kind, found.id, found.path) == (kind, id, path)


def test_prefixes_name_session_and_recording_and_are_not_sent_on() -> None:
    found = route("POST", "/s/my%20test/r/a/b/v1/responses")
    assert (found.session, found.name, found.path, found.kind) == ("my test", "a/b", "/v1/responses", CREATE)
