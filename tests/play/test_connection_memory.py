from tests.play.socket_playbook import turn

from respool.play.connection_memory import ConnectionMemory, Remembered


def entry(id: str, lane: str | None = None, previous: str | None = None, size: int = 1) -> Remembered:
    return Remembered(id, lane, {}, turn(id), previous, size)


def memory(
    *entries: Remembered, most: int = 10, most_bytes: int = 100, older: bool = False
) -> ConnectionMemory:
    made = ConnectionMemory(most, most_bytes, keep_older=older)
    for each in entries:
        made.add(each)
    return made


def test_only_the_newest_of_a_lane_is_found_by_any_lane() -> None:
    first, second, other = entry("r1", "a"), entry("r2", "a"), entry("r3", "b")
    known = memory(first, second, other)
    assert known.find("r1", "a") is None
    assert known.find("r2", "b") is second
    assert known.find("r3", None) is other
    assert known.newest("a") is second
    assert known.newest(None) is None


def test_older_ones_are_found_where_they_are_kept() -> None:
    first = entry("r1", "a")
    assert memory(first, entry("r2", "a"), older=True).find("r1", "b") is first


def test_a_lineage_goes_back_as_far_as_is_remembered() -> None:
    chain = [entry("r1"), entry("r2", previous="r1"), entry("r3", "b", previous="r2")]
    assert memory(*chain).lineage(chain[2]) == tuple(reversed(chain))
    assert memory(*chain[1:]).lineage(chain[2]) == (chain[2], chain[1])


def test_a_lineage_of_one_recording_that_is_played_again_and_again_ends() -> None:
    known = entry("r1", previous="r1")
    assert memory(known).lineage(known) == (known,)


def test_what_is_evicted_is_found_no_more_and_nothing_takes_its_place() -> None:
    first, second = entry("r1"), entry("r2", previous="r1")
    known = memory(first, second)
    known.evict(second)
    assert known.find("r2", None) is known.find("r1", None) is known.newest(None) is None
    assert known.size == 1


def test_one_id_on_two_lanes_is_two_responses() -> None:
    mine, yours = entry("r1", "a"), entry("r1", "b")
    known = memory(mine, yours)
    assert known.find("r1", "a") is mine
    assert known.find("r1", "b") is yours
    known.evict(mine)
    assert known.find("r1", "a") is yours


def test_the_oldest_are_forgotten_when_there_are_too_many_or_they_are_too_large() -> None:
    entries = [entry(f"r{number}", f"l{number}", size=30) for number in range(5)]
    assert memory(*entries, most=2).find("r2", None) is None
    large = memory(*entries)
    assert (len(large), large.size) == (3, 90)
    assert large.find("r2", None) is entries[2]
    large.clear()
    assert (len(large), large.size) == (0, 0)


def test_an_entry_that_is_too_large_alone_is_not_kept() -> None:
    assert len(memory(entry("r1", size=101))) == 0
