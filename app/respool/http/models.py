"""``/v1/models``: the recordings, as models."""

from typing import Any

from fastapi import APIRouter
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request as HTTPRequest

from respool.http.problems import REFUSALS
from respool.http.request_scope import in_path
from respool.protocol import api_errors
from respool.recordings.recording import Recording
from respool.server.mock_server import MockServer


class _NameConvertor(Convertor[str]):
    """A recording's name: it may have slashes, and is not empty."""

    regex = "(?s:.+)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("recording", _NameConvertor())


def router(server: MockServer) -> APIRouter:
    """Return the routes, for one server."""
    routes = APIRouter(prefix="/v1/models", tags=["models"], responses=REFUSALS)

    @routes.head("", include_in_schema=False, response_model=None)
    @routes.get("", summary="List models", response_model=None)
    async def models() -> dict[str, Any]:
        """List the recordings as models: each can be requested by its name."""
        found = [_model(name, turns[0]) for name in server.store.names if (turns := server.store.turns(name))]
        return {"object": "list", "data": found}

    @routes.head("/{model:recording}", include_in_schema=False, response_model=None)
    @routes.get("/{model:recording}", summary="Retrieve a model", response_model=None)
    async def model(http: HTTPRequest) -> dict[str, Any]:
        """Retrieve one recording as a model. Its name may have slashes, as they are or as `%2F`."""
        model = in_path(http, "model")
        turns = server.store.turns(model)
        recording = turns[0] if turns else server.stand_in()
        if recording is None:
            raise api_errors.unknown_model(model)
        return _model(model, recording)

    return routes


def _model(name: str, recording: Recording) -> dict[str, Any]:
    first = recording.events[:1]
    response = first[0].event.data.get("response") if first else None
    created = response.get("created_at") if isinstance(response, dict) else None
    return {
        "id": name,
        "object": "model",
        "created": created if type(created) is int else 0,
        "owned_by": "respool",
    }
