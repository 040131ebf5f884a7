"""The simulation of growth: its figures are those that can be worked out by hand."""

from dataclasses import replace

import pytest
from bench.simulate import Load, main, nodes_for, simulate

LOAD = Load(streams=1000, seconds=10.0, rate=10.0, nodes=2, create=1e-3, event=50e-6, store=100e-6)


def test_busy_is_work_by_time() -> None:
    found = simulate(LOAD)
    assert found.under_way == pytest.approx(1000, rel=0.01)
    # 10,000 events/s of 50 us and 100 creates/s of 1 ms, in two cores; 100 creates/s of 100 us.
    assert found.node_busy == pytest.approx((0.5 + 0.1) / 2, rel=0.02)
    assert found.store_busy == pytest.approx(0.01, rel=0.02)
    assert (found.breaks, found.event_late, found.create_late) == ("", 0.0, 0.0)


def test_with_too_few_nodes_creates_wait_first() -> None:
    found = simulate(replace(LOAD, streams=10_000))
    assert found.breaks == "nodes"
    assert found.create_late > 1.0
    assert found.under_way < 10_000


def test_nodes_do_not_help_a_store_that_is_full_and_another_store_does() -> None:
    # 9,000 creates a second of 1.5 ms of a node, with their events: 54 cores, used at 95 %.
    assert nodes_for(replace(LOAD, streams=90_000)) == 57
    assert nodes_for(replace(LOAD, streams=110_000)) is None
    assert nodes_for(replace(LOAD, streams=110_000, stores=2)) == 70


def test_a_table_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--streams", "10000", "--seconds", "5"])
    assert len(capsys.readouterr().out.splitlines()) == 4
