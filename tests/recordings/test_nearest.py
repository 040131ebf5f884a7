"""Names that are nearly the same."""

import random
from difflib import get_close_matches
from typing import Any

import pytest

from respool.recordings import nearest
from respool.recordings.nearest import nearest_of

MANY = sorted(f"test_case_{number:05d}_{'abcdefgh_' * 16}" for number in range(10_000))


def test_of_few_names_all_are_compared() -> None:
    rng = random.Random(1)
    names = sorted("".join(rng.choice("abc/") for _ in range(9)) for _ in range(50))
    for name in ("abc", "abc/abc", "ccc", ""):
        assert nearest_of(name, names) == get_close_matches(name, names, n=3, cutoff=0.4)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (MANY[7][:40] + "X" + MANY[7][41:], MANY[7]),
        (MANY[5000][:-3], MANY[5000]),
        ("tools/weather", "weather"),
    ],
)
def test_of_many_names_the_likeliest_are(name: str, expected: str) -> None:
    names = sorted([*MANY, "weather"])
    assert expected in nearest_of(name, names)


@pytest.mark.parametrize("length", [1, 50, 5000])
def test_the_work_has_a_limit(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []

    def note(name: str, names: Any, **options: Any) -> list[str]:
        compared.append(sum(len(one) for one in names) * len(name))
        return get_close_matches(name, names, **options)

    monkeypatch.setattr(nearest, "get_close_matches", note)
    nearest_of("t" * length, MANY)
    assert compared[0] <= nearest._MOST_PAIRS
