import pytest
from hypothesis import given
from hypothesis import strategies as st

from respool.repair.texts import find_lost, guess_lost, split


@pytest.mark.parametrize(
    ("pieces", "least", "text", "lost"),
    [
        pytest.param(["Hel", "lo"], [None, None, None], "Hello", ["", "", ""], id="nothing is lost"),
        pytest.param(["lo"], [1, None], "Hello", ["Hel", ""], id="before the first piece"),
        pytest.param(["Hel"], [None, 1], "Hello", ["", "lo"], id="after the last piece"),
        pytest.param(["H", "o"], [None, 1, None], "Hello", ["", "ell", ""], id="between two pieces"),
        pytest.param([], [0], "Hello", ["Hello"], id="all of it"),
        pytest.param(["a", "c", "e"], [None, 1, 1, None], "abcde", ["", "b", "d", ""], id="at two places"),
        pytest.param(
            ["a", "a", "a"],
            [None, 1, 1, None],
            "aXaYa",
            ["", "X", "Y", ""],
            id="between pieces that are alike",
        ),
        pytest.param(
            ["a", "a", "!"],
            [None, 3, 0, None],
            "a a a!",
            ["", " a ", "", ""],
            id="at least so many characters",
        ),
        pytest.param(["Hel", "lo"], [None, None, None], "Hello!", None, id="lost where nothing can be"),
        pytest.param(["Hal"], [None, 0], "Hello", None, id="another text"),
        pytest.param(["lo", "Hel"], [0, 0, 0], "Hello", None, id="another order"),
        pytest.param(["H", "o"], [None, 4, None], "Hello", None, id="less is lost than must be"),
        pytest.param(["ab", "bc"], [None, 0, None], "abc", None, id="pieces that overlap"),
    ],
)
def test_what_a_text_has_lost(
    pieces: list[str], least: list[int | None], text: str, lost: list[str] | None
) -> None:
    assert find_lost(pieces, least, text) == lost


@pytest.mark.parametrize(
    ("pieces", "text", "lost"),
    [
        pytest.param(["H", "o"], "Hello", ["", "ell", ""], id="at one place"),
        pytest.param(["a"], "aa", ["", "a"], id="at the last place that fits"),
        pytest.param(["a", "c", "e"], "abcde", ["", "b", "d", ""], id="at several"),
        pytest.param(["x"], "Hello", None, id="another text"),
    ],
)
def test_a_guess_where_no_place_is_known(pieces: list[str], text: str, lost: list[str] | None) -> None:
    assert guess_lost(pieces, text) == lost


@given(st.lists(st.text("ab ", min_size=1, max_size=3), min_size=1, max_size=12), st.data())
def test_with_the_lost_pieces_it_is_the_whole_text(whole: list[str], data: st.DataObject) -> None:
    kept = data.draw(st.lists(st.booleans(), min_size=len(whole), max_size=len(whole)))
    pieces: list[str] = []
    least: list[int | None] = [None]
    for piece, is_kept in zip(whole, kept, strict=True):
        if is_kept:
            pieces.append(piece)
            least.append(None)
        else:
            least[-1] = (least[-1] or 0) + 1
    lost = find_lost(pieces, least, "".join(whole))
    assert lost is not None
    assert all(len(gap) >= (number or 0) for gap, number in zip(lost, least, strict=True))
    assert all(gap == "" for gap, number in zip(lost, least, strict=True) if number is None)
    assert "".join(gap + piece for gap, piece in zip(lost, [*pieces, ""], strict=True)) == "".join(whole)


@pytest.mark.parametrize(
    ("text", "count", "pieces"),
    [
        ("Hello", 1, ["Hello"]),
        ("Hello", 2, ["He", "llo"]),
        ("Hello", 5, ["H", "e", "l", "l", "o"]),
        ("Hello", 9, ["H", "e", "l", "l", "o"]),
        ("", 3, [""]),
    ],
)
def test_a_text_is_split_into_pieces_none_of_them_empty(text: str, count: int, pieces: list[str]) -> None:
    assert split(text, count) == pieces
