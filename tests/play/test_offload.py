"""Offload: large work of a decision ends it early, and is at hand when it is made again."""

import pytest

from respool.play.offload import LARGE, WorkNeeded, offload, offloading


def test_work_is_done_at_once_where_nobody_offloads_it() -> None:
    assert offload(10 * LARGE, "a", lambda: 1) == 1


def test_small_work_is_done_at_once() -> None:
    with offloading({}):
        assert offload(LARGE, "a", lambda: 1) == 1


def test_large_work_ends_a_decision_and_is_not_done_twice() -> None:
    done: list[int] = []
    with offloading({}), pytest.raises(WorkNeeded) as needed:
        offload(LARGE + 1, "a", lambda: done.append(1))
    assert not done
    with offloading({needed.value.key: needed.value.work()}):
        offload(LARGE + 1, "a", lambda: done.append(2))
    assert done == [1]
    assert offload(LARGE + 1, "a", lambda: 3) == 3, "after the block nothing is offloaded"


def test_a_thread_that_does_the_work_offloads_nothing() -> None:
    from concurrent.futures import ThreadPoolExecutor

    with offloading({}), ThreadPoolExecutor(1) as pool:
        assert pool.submit(offload, LARGE + 1, "a", lambda: 4).result() == 4
