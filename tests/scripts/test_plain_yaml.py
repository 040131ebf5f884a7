"""YAML as plain data: what each scalar is, what is refused, and back again."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from respool.scripts import plain_yaml
from respool.scripts.plain_yaml import MAX_TEXT, MAX_VALUES, PlainYamlError, dump, load


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("FALSE", False),
        ("0", 0),
        ("-12", -12),
        ("1.10", 1.1),
        (".5", 0.5),
        ("2E-3", 0.002),
        *((text, text) for text in ("no", "Yes", "on", "007", "+49", "0x1F", "0o7", "1_000", "12:30", "1.")),
        *((text, text) for text in ("2026-01-01", "1.2.3", ".inf", ".nan", "=", "nullx", "tRUE", "--")),
        ("'1'", "1"),
        ('"true"', "true"),
        ("!!str 1", "1"),
        ("!!int '1'", 1),
        ("[1, {a: b}]", [1, {"a": "b"}]),
        ("{1: a, true: b, no: c, null: d}", {"1": "a", "true": "b", "no": "c", "null": "d"}),
    ],
)
def test_a_scalar_is_what_json_makes_of_it_and_else_text(written: str, value: Any) -> None:
    read = load(f"a: {written}").data["a"]
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "message", "line", "column"),
    [
        ("", "empty", 1, 1),
        ("a: 1\nb: !!python/name:os.system x", "the tag !!python/name:os.system is not known here", 2, 4),
        ("a: !x {}", "the tag !x is not known here", 1, 4),
        ("a: !!set {x}", "the tag !!set is not known here", 1, 4),
        ("a: !!int x", "x is no number that can be read", 1, 4),
        (f"a: {'9' * 5000}", f"{'9' * 40} is no number that can be read", 1, 4),
        ("a: 1e999", "1e999 is too large a number", 1, 4),
        ("a: 1\n<<: {b: 2}", "<< is not read here: use an alias for a whole value", 2, 1),
        ("? [a]\n: b", "a key is text, not a list or a mapping", 1, 3),
        ("a: 1\na: 2", "a is given twice, first in line 1", 2, 1),
        ("a: &a [*a]", "an alias of something that it is in", 1, 4),
        ("a: &a {b: {c: *a}}", "an alias of something that it is in", 1, 4),
        ('a: "\\ud83d"', "half a character: an escape such as \\ud83d needs its other half", 1, 4),
        ('"\\ud83d": a', "half a character: an escape such as \\ud83d needs its other half", 1, 1),
        ("a: b\x02", "the character '\\x02' is not allowed", 1, 5),
        ("a: 1\nb: c\x02", "the character '\\x02' is not allowed", 2, 5),
        ('a: "b\\UFFFFFFFF"', "there is no such character", 1, 8),
        ("[" * 5000, "nested too deeply", 1, 1),
    ],
    ids=range(18),
)
def test_what_is_not_plain_data_is_refused_with_its_place(
    text: str, message: str, line: int, column: int
) -> None:
    with pytest.raises(PlainYamlError) as caught:
        load(text)
    assert (str(caught.value), caught.value.line, caught.value.column) == (message, line, column)


def test_aliases_cannot_make_a_small_file_huge() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
    )
    with pytest.raises(PlainYamlError, match=f"^more than {MAX_VALUES} values"):
        load(bomb)


def test_aliases_of_a_long_text_cannot_become_a_huge_one() -> None:
    with pytest.raises(PlainYamlError, match=f"^more than {MAX_TEXT} characters"):
        load(f"a: &a {'x' * 100_000}\nb: [{','.join(['*a'] * 1000)}]\n")


def test_values_keys_and_what_is_around_them_have_places() -> None:
    document = load("a: 1.10\nb:\n  - c:  d\n")
    assert document.place(("a",)) == (1, 4)
    assert document.place(("b", 0, "c")) == (3, 9)
    assert document.place(("b", 0, "c"), at_key=True) == (3, 5)
    assert document.place(("b", 0, "nothing", 7)) == (3, 5)
    assert document.place(("nothing",)) == (1, 1)
    assert document.written(("a",)) == "1.10"
    assert document.written(("b",)) is None
    assert document.written(("nothing",)) is None


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"a": "b"}, "a: b\n"),
        ({"a": ["b", {"c": 1}]}, "a:\n  - b\n  - c: 1\n"),
        ({"a": "no"}, "a: 'no'\n"),
        ({"a": "b\nc\n"}, "a: |\n  b\n  c\n"),
        ({"a": "x" * 500}, f"a: {'x' * 500}\n"),
        ({"é": "😀"}, "é: 😀\n"),
    ],
)
def test_plain_data_is_written_for_readers(data: Any, text: str) -> None:
    assert dump(data) == text


TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.sampled_from(
        ["no", "1.10", "~", "2026-01-01", "12:30", "a\n b \n", "\u2028\n", "\x85", "\t", "- a", "#"]
    ),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXTS,
)
DATA = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(TEXTS.filter(lambda key: key != "<<"), inner, max_size=4),
    ),
    max_leaves=8,
)


@given(DATA)
def test_plain_data_that_is_written_is_read_as_the_same(data: Any) -> None:
    assert load(dump(data)).data == data


def test_numbers_in_a_list_stand_on_one_line() -> None:
    assert dump({"a": [1, 2.5], "b": [], "c": ["x", 1]}) == "a: [1, 2.5]\nb: []\nc:\n  - x\n  - 1\n"


_PIECES = st.sampled_from(
    [
        *("a: ", "- ", "\n", "  ", "b", "'", '"', "{", "}", "[", "]", ",", "|", ">", "&x ", "*x ", "!t "),
        *("#", " #", ": ", ":", "%", "@", "`", "\\", "é", "👋", "~", "1.5", "---", "...", "<<: ", "? "),
        *("\t", "\x85", "-", "+", "2"),
    ]
)
_SCRIPTS = sorted((Path(__file__).parents[2] / "fixtures" / "scripts").glob("*.yaml"))


def read_by(text: str) -> object:
    """The data of a text, and the place of each value; or what is wrong with it."""
    try:
        document = load(text)
    except PlainYamlError as error:
        return str(error), error.line, error.column
    return document.data, document.found


@given(st.lists(_PIECES, max_size=25).map("".join))
@example("a: Som? e\n")
@example("a: b\tc\n")
@example("|#")
def test_the_fast_parser_reads_what_the_other_one_reads(text: str) -> None:
    assert plain_yaml._FastLoader is not None
    fast = read_by(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain_yaml, "_FastLoader", None)
        assert read_by(text) == fast


@pytest.mark.parametrize("file", _SCRIPTS, ids=lambda file: file.name)
def test_both_parsers_read_our_scripts_alike(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = read_by(file.read_text("utf-8"))
    monkeypatch.setattr(plain_yaml, "_FastLoader", None)
    assert read_by(file.read_text("utf-8")) == fast


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "- " * 100_000, "{a: " * 100_000, ("[" * 900 + "- " * 40)], ids=len
)
def test_what_is_nested_deeply_is_refused(text: str) -> None:
    with pytest.raises(PlainYamlError):
        load(text)
