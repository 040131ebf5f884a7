import pytest

from respool.check.counting import Count


@pytest.mark.parametrize(
    ("numbers", "surprises"),
    [
        ([0, 1, 2, 3], []),
        ([0, 1, 3, 4], [3]),  # one is missing
        ([0, 1, 1, 2, 3], [1]),  # one comes twice
        ([0, 1, 70, 3, 4], [70]),  # one is wrong
        ([0, 2, 1, 3, 4], [2, 1]),  # two have changed places
        ([5, 6, 7], [5]),
        ([0, 1, 0, 1, 2], [0]),
    ],
)
def test_one_mistake_is_one_surprise(numbers: list[int], surprises: list[int]) -> None:
    count = Count()
    assert [number for number in numbers if not count.take(number)] == surprises


def test_one_that_comes_without_a_number_may_have_had_one_or_not() -> None:
    for after in (1, 2):
        count = Count()
        assert count.take(0)
        count.skip()
        assert count.take(after)


def test_a_count_can_begin_anywhere() -> None:
    count = Count()
    count.restart(6)
    assert count.expected == 7
    assert count.take(7)
