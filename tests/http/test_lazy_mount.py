import gc
from collections.abc import Callable
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from respool.http.lazy_mount import LazyMount, MadeOnce

Call = Callable[..., Any]


def scope_of(path: str, kind: str = "http", root_path: str = "") -> Scope:
    return {"type": kind, "path": path, "root_path": root_path}


@pytest.mark.parametrize(
    ("scope", "taken"),
    [
        (scope_of("/__admin"), True),
        (scope_of("/__admin/"), True),
        (scope_of("/__admin/sessions"), True),
        (scope_of("/mock/__admin/sessions", root_path="/mock"), True),
        (scope_of("/__administrator"), False),
        (scope_of("/r/__admin/v1/responses"), False),
        (scope_of("/v1/responses"), False),
        (scope_of("/__admin/sessions", "websocket"), False),
    ],
)
def test_it_takes_what_is_below_its_prefix(scope: Scope, taken: bool) -> None:
    assert LazyMount("/__admin", lambda: pytest.fail("made too early")).takes(scope) is taken


@pytest.mark.parametrize(
    ("path", "below"), [("/__admin", "/__admin/"), ("/__admin/", "/__admin/"), ("/__admin/x", "/__admin/x")]
)
async def test_its_app_is_made_once_and_sees_itself_mounted(path: str, below: str, call: Call) -> None:
    seen: list[Scope] = []
    made: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)

    def make() -> Any:
        made.append(1)
        return app

    mount = LazyMount("/__admin", make)
    for _ in range(2):
        await call(mount, path).task
    assert len(made) == 1
    assert [(scope["root_path"], scope["path"]) for scope in seen] == [("/__admin", below)] * 2


@pytest.mark.parametrize("frozen", [False, True])
async def test_what_is_made_later_is_frozen_where_what_was_loaded_is(frozen: bool) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None: ...

    gc.unfreeze()
    try:
        if frozen:
            gc.freeze()
        before = gc.get_freeze_count()
        assert await MadeOnce(lambda: app).get() is app
        assert (gc.get_freeze_count() > before) is frozen
    finally:
        gc.unfreeze()
