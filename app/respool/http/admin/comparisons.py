"""``/__admin/requests/ID/compare``: a request beside the one that a recording was made with."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query

from respool.errors import RequestError, printable
from respool.http.admin.base_models import AdminModel, example
from respool.match.canonical import canonical
from respool.match.difference import compare
from respool.match.pointers import without
from respool.server.mock_server import MockServer
from respool.server.seen_requests import SeenRequest, SeenRequests

MOST_TEXT = 512 * 1024  # characters of a form


class DifferenceView(AdminModel):
    """A place where the two differ; null: nothing is there."""

    pointer: str
    recorded: str | None
    received: str | None


class ComparisonView(AdminModel):
    """A request beside a recording's, both as they are compared: with keys in order, what is masked replaced,
    and what match.yaml excludes left out."""

    model_config = example(
        request=7,
        recording="text/hello",
        turn=1,
        distance=0.05,
        received='{\n  "input": "Hi"\n}',
        recorded='{\n  "input": "Hello"\n}',
        cut=False,
        differences=[{"pointer": "/input/0/content/0/text", "recorded": "Hello", "received": "Hi"}],
        whole=True,
        hint="in match.yaml, exclude: [/input/0/content/0/text]",
    )
    request: int
    recording: str
    turn: int
    distance: float  # 0: equal, 1: nothing in common
    received: str  # indented JSON
    recorded: str
    cut: bool  # only the beginning of a form is shown
    differences: list[DifferenceView]
    whole: bool  # whether those are all
    hint: str  # what would make it match; "" if that is not known


def router(server: MockServer) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["requests"])

    @routes.get("/requests/{id}/compare", summary="Compare a request with a recording")
    def comparison(
        id: str,
        recording: Annotated[
            str | None, Query(description="Its name, or `NAME#2`. Left out: the nearest.")
        ] = None,
    ) -> ComparisonView:
        """Compare a request with the one that a recording was made with."""
        request = _request(server, id)
        body = request.json
        if not isinstance(body, Mapping):
            raise RequestError("The request's body is not kept, or is no JSON object.", code="no_body")
        name, turn, recorded, hint = (
            _named(server, recording) if recording else _nearest(server, request, body)
        )
        rules = server.indexes.rule_set.rules
        one, other = (without(rules.masks.value(canonical(form)), rules.exclude) for form in (recorded, body))
        found = compare(one, other)
        texts = [json.dumps(form, indent=2, sort_keys=True, ensure_ascii=False) for form in (other, one)]
        return ComparisonView(
            request=request.number,
            recording=name,
            turn=turn,
            distance=found.distance,
            received=texts[0][:MOST_TEXT],
            recorded=texts[1][:MOST_TEXT],
            cut=max(map(len, texts)) > MOST_TEXT,
            differences=[
                DifferenceView(pointer=each.pointer, recorded=each.recorded, received=each.received)
                for each in found.differences
            ],
            whole=found.whole,
            hint=hint,
        )

    return routes


def _request(server: MockServer, id: str) -> SeenRequest:
    found = [one for one in SeenRequests.of(server.journal) if str(one.number) == id]
    if not found:
        raise RequestError(f"There is no request {printable(id)}.", status=404, code="not_found")
    return found[-1]


def _named(server: MockServer, name: str) -> tuple[str, int, Mapping[str, Any], str]:
    recording = server.store.get(name)
    if recording is None or not recording.header.request:
        what = "is no recording" if recording is None else "does not tell the request that it was made with"
        raise RequestError(f'"{printable(name)}" {what}.', status=404, code="not_found", param="recording")
    base, _, number = name.rpartition("#")
    turn = int(number) if base and number.isdecimal() else 1
    return (base or name) if turn > 1 else name, turn, recording.header.request, ""


def _nearest(
    server: MockServer, request: SeenRequest, body: Mapping[str, Any]
) -> tuple[str, int, Mapping[str, Any], str]:
    for near in request.exchange.near:  # found when nothing answered it
        name, turn = near.get("recording"), near.get("turn", 1)
        recording = server.store.get(f"{name}#{turn}") if name else None
        if name and recording is not None and recording.header.request:
            return str(name), turn, recording.header.request, str(near.get("hint", ""))
    indexes = server.indexes
    near_ones = indexes.nearest(indexes.recorded.forms_of(body))
    for best in near_ones:
        turns = server.store.turns(best.recording)
        if best.turn <= len(turns):
            return best.recording, best.turn, turns[best.turn - 1].header.request, best.hint
    raise RequestError("No recording tells the request that it was made with.", status=404, code="not_found")
