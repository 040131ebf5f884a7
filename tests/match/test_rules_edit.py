"""What the page adds to a match.yaml: the rest of it stays as it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respool.errors import OptionError
from respool.match import pointers
from respool.match.rules import read_rules
from respool.match.rules_edit import with_rules


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("", 'masks:\n  "order": "ORD-[0-9]+"\nexclude:\n  - "/tools"\n'),
        (
            "# why\nexclude:  # parts\n  - /a  # one\n\n# the end\nstrictness: strict\n",
            (
                '# why\nexclude:  # parts\n  - /a  # one\n  - "/tools"\n\n# the end\n'
                'strictness: strict\nmasks:\n  "order": "ORD-[0-9]+"\n'
            ),
        ),
        (
            "exclude: [/a, /b]  # short\nmasks: {}\n",
            'exclude: [/a, /b, "/tools"]  # short\nmasks: {"order": "ORD-[0-9]+"}\n',
        ),
        (
            "masks: {a: 'x+'}\nexclude:\n- /a",
            'masks: {a: \'x+\', "order": "ORD-[0-9]+"}\nexclude:\n- /a\n- "/tools"\n',
        ),
        ("exclude: [/tools]\nmasks:\n    order: 'ORD-[0-9]+'\n", None),
    ],
)
def test_rules_are_added_where_they_belong(text: str, changed: str | None) -> None:
    found = with_rules(text, "match.yaml", ["/tools", "/tools"], {"order": "ORD-[0-9]+"})
    assert found == (text if changed is None else changed)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("exclude: [x]\n", 'match.yaml:1:11: a JSON pointer begins with "/"'),
        ("exclude: [", "match.yaml:"),
        ("masks: {order: other}\n", "the mask order is other already"),
        ("exclude: [/a,\n  /b]\n", "cannot be added to"),
        ("all: &all [/a]\nexclude: *all\n", "match.yaml:1"),
    ],
)
def test_what_cannot_be_added_to_is_refused(text: str, problem: str) -> None:
    with pytest.raises(OptionError) as refused:
        with_rules(text, "match.yaml", ["/tools"], {"order": "ORD-[0-9]+"})
    assert problem in str(refused.value)


POINTERS = st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=8), max_size=8)


@given(parts=POINTERS, names=st.lists(st.sampled_from("abc"), unique=True))
def test_whatever_is_added_is_read(parts: list[str], names: list[str]) -> None:
    masks = {name: f"{name}+" for name in names}
    text = "# mine\n"
    for part in parts:
        text = with_rules(text, "match.yaml", [f"/{part}"], masks)
    if parts:
        found = read_rules(text.encode(), "match.yaml")
        assert {*found.exclude} == {tuple(pointers.parse(f"/{part}")) for part in parts}
        assert {*found.masks.own} == {*names}
    assert text.startswith("# mine\n")
