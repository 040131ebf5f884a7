"""``/__admin/match-rules``: how requests are compared, and rules added on the page."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from respool.http.admin.base_models import AdminModel, example
from respool.match import pointers
from respool.server.mock_server import MockServer
from respool.server.rule_writing import add_rules, written_file


class Rules(AdminModel):
    """The rules that hold for all recordings."""

    model_config = example(
        strictness="normal",
        masks={"order": "ORD-[0-9]+"},
        exclude=["/tools"],
        file="fixtures/match.yaml",
        problem="",
    )
    strictness: str
    masks: dict[str, str]
    exclude: list[str]
    file: Annotated[str | None, Field(description="Where they stand, or would; null: nowhere.")]
    problem: Annotated[str, Field(description='Why that file cannot be written; "" if it can.')]


class AddRules(AdminModel):
    """Rules to add: what comparisons leave out, and what they mask."""

    model_config = example(exclude=["/input/*/content/0/image_url"], masks={"order": "ORD-[0-9]+"})
    exclude: Annotated[
        list[str],
        Field(default_factory=list, max_length=100, description="JSON pointers; `*` is any part."),
    ]
    masks: Annotated[
        dict[str, str], Field(default_factory=dict, max_length=100, description="Patterns by name.")
    ]


class WrittenRules(Rules):
    """The rules that hold now."""

    text: str  # of the file


def router(server: MockServer) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["requests"])

    def view() -> dict[str, object]:
        rules = server.indexes.rule_set.rules
        path, problem = written_file(server.store)
        return {
            "strictness": rules.strictness,
            "masks": {name: pattern.text for name, pattern in rules.masks.own.items()},
            "exclude": [pointers.write(parts) for parts in rules.exclude],
            "file": None if path is None else str(path),
            "problem": problem,
        }

    @routes.get("/match-rules", summary="Get the rules of match.yaml")
    async def rules() -> Rules:
        """Get how requests are compared with recorded ones."""
        return Rules.model_validate(view())

    @routes.post("/match-rules", summary="Add to match.yaml")
    async def add(body: AddRules) -> WrittenRules:
        """Add to the `match.yaml` of the server's folder; the rest of the file stays as it is. It holds from
        the next request on. 409 where the server has no folder, or the file cannot be written."""
        _, text = add_rules(server.store, body.exclude, body.masks)
        return WrittenRules.model_validate({**view(), "text": text})

    return routes
