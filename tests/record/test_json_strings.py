import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respool.record.json_strings import MAX_DEPTH, OpenValue, decode, walk

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=20,
)


def leaves(text: str) -> dict[tuple[str | int, ...], str]:
    """The values by the parts of their pointers, as they are written."""
    found = {}

    def closed(frame: OpenValue, at: int) -> None:
        for value in frame.values:
            if not value.is_key:
                start, end = (value.start - 1, value.end + 1) if value.is_string else (value.start, value.end)
                found[value.path] = text[start:end]

    walk(text, 0, len(text), closed)
    return found


def expected(value: Any, path: tuple[str | int, ...] = ()) -> dict[tuple[str | int, ...], Any]:
    if isinstance(value, dict):
        items: Any = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    else:
        return {path: value}
    return {at: one for key, inner in items for at, one in expected(inner, (*path, key)).items()}


@given(st.lists(json_values, max_size=3), st.sampled_from([None, 1]), st.booleans())
def test_every_value_is_found_with_its_path_and_place(value: Any, indent: int | None, ascii: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii)
    assert {path: json.loads(raw) for path, raw in leaves(text).items()} == expected(value)


@given(st.text(), st.booleans())
def test_a_string_is_decoded_as_json_does_and_each_character_has_its_place(value: str, ascii: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii)
    decoded = decode(text, 1, len(text) - 1)
    assert decoded.text == value
    for character, start, end in zip(value, decoded.starts, decoded.ends, strict=True):
        assert json.loads(f'"{text[start:end]}"') == character


@pytest.mark.parametrize(
    "text", ['{"a": "b', '{"a": ["b"', "}]", '{"a" "b"}', '"', "{,,:}", '{"a": "b\\', '[1 2, "x]']
)
def test_damaged_text_is_read_as_far_as_it_goes(text: str) -> None:
    for start, end in ((value.start, value.end) for value in values(text)):
        assert 0 <= start <= end <= len(text)


def values(text: str) -> list[Any]:
    found: list[Any] = []
    found += walk(text, 0, len(text), lambda frame, at: found.extend(frame.values))
    return found


def test_what_is_nested_too_deeply_is_refused() -> None:
    with pytest.raises(ValueError, match="nested more than"):
        values("[" * (MAX_DEPTH + 1))
