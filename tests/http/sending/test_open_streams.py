import asyncio

import pytest

from respool.http.sending import open_streams
from respool.http.sending.open_streams import OpenStreams


async def test_one_task_watches_for_the_end_of_the_server_for_all_streams(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ends = asyncio.Event()
    monkeypatch.setattr(open_streams, "_server_ends", ends.wait)
    cut: list[int] = []

    class Open:
        def __init__(self, number: int) -> None:
            self.number = number

        def cut(self) -> None:
            cut.append(self.number)

    streams = OpenStreams(asyncio.get_running_loop())
    before = len(asyncio.all_tasks())
    some = [Open(number) for number in range(5)]
    for one in some:
        streams.add(one)
    streams.discard(some[0])
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == before + 1
    ends.set()
    for _ in range(5):
        await asyncio.sleep(0)
    assert sorted(cut) == [1, 2, 3, 4]
    for one in some:
        streams.discard(one)
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == before
