"""What the tests of the admin API need: a server, and a client of it that is one of its admin API, too."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from respool.http import create_app
from respool.play.pace import Pace
from respool.recordings.recording import Recording
from respool.server.mock_server import MockServer


class AdminClient(TestClient):
    """A client of the server, with `server` itself."""

    server: MockServer

    def ask(self, text: str = "Hi", session: str = "", model: str = "a", **body: Any) -> Any:
        """Create a response, as a stream."""
        headers = {"x-respool-session": session} if session else {}
        return self.post(
            "/v1/responses", json={"model": model, "input": text, "stream": True, **body}, headers=headers
        )


@pytest.fixture
def admin(
    server: Callable[..., MockServer], recording: Callable[..., Recording]
) -> Callable[..., AdminClient]:
    """``admin("a", "b", admin_token="secret")``: a client of a server that plays these recordings at once."""

    def make(*names: str, **options: Any) -> AdminClient:
        serving = server(*(recording(name) for name in names or ["a", "b"]), pace=Pace(speed=math.inf))
        client = AdminClient(create_app(serving, **options))
        client.server = serving
        return client

    return make
