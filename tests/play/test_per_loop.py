import asyncio
import threading

import pytest

from respool.play.per_loop import PerLoop


def test_each_loop_has_its_own_also_one_after_another_and_in_another_thread() -> None:
    made: list[asyncio.AbstractEventLoop] = []

    def make(loop: asyncio.AbstractEventLoop) -> int:
        made.append(loop)
        return len(made)

    numbers = PerLoop(make)

    async def ask() -> list[int]:
        return [numbers.get(), numbers.get()]

    assert asyncio.run(ask()) == [1, 1]
    assert asyncio.run(ask()) == [2, 2]
    found: list[list[int]] = []
    thread = threading.Thread(target=lambda: found.append(asyncio.run(ask())))
    thread.start()
    thread.join()
    assert found == [[3, 3]]
    assert len(set(map(id, made))) == 3


def test_where_no_loop_runs_there_is_none() -> None:
    with pytest.raises(RuntimeError):
        PerLoop(lambda loop: 1).get()
