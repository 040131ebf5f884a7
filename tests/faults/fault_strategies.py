"""Any fault, with any options that it may have: for tests of properties."""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from respool.faults import FAULTS, Fault, Place, Unit, options_of
from respool.option_types import OptionType

_PLACES = st.one_of(
    st.integers(1, 10**9).map(lambda number: Place(Unit.EVENT, number)),
    st.builds(
        Place, st.just(Unit.TYPE), st.integers(1, 10**6), st.from_regex(r"[a-z][a-z_.]{0,20}", fullmatch=True)
    ),
    st.integers(0, 10**9).map(lambda number: Place(Unit.BYTES, number)),
    st.floats(0, 100).map(lambda number: Place(Unit.PERCENT, number)),
    st.floats(0, 1e6).map(lambda number: Place(Unit.SECONDS, number)),
)
_VALUES: Mapping[str, st.SearchStrategy[Any]] = {
    "point": _PLACES,
    "spot": _PLACES,
    "seconds": st.floats(0, 1e9),
    "interval": st.just(0.0) | st.floats(0.001, 1e6),
    "milliseconds": st.floats(0, 1e9),
    "share": st.floats(0, 1),
    "flag": st.booleans(),
    "text": st.text(),
    "line": st.text().filter(lambda text: text.splitlines() in ([], [text])),
    "header": st.text(st.characters(min_codepoint=32, max_codepoint=126)),
    "whole": st.integers(0, 10**9),
    "choice": st.sampled_from(["auto", "json", "html", "true", "requests", "tokens", "crlf", "cr"]),
}


def _legal(kind: OptionType) -> st.SearchStrategy[Any]:
    def is_legal(value: Any) -> bool:
        try:
            return bool(kind.read(value) == value)
        except ValueError:
            return False

    values = st.sampled_from([400, 599]) | _VALUES[kind.name] if kind.name == "whole" else _VALUES[kind.name]
    return values.filter(is_legal)


@st.composite
def any_fault(draw: st.DrawFn) -> Fault:
    fault = FAULTS[draw(st.sampled_from(list(FAULTS)))]
    own = options_of(fault)
    keys = draw(st.sets(st.sampled_from(list(own))))
    return fault(**{key: draw(_legal(own[key].type)) for key in sorted(keys)})
