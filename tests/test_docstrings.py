"""Docstrings of functions say what they do, in the imperative."""

import ast
from collections.abc import Iterator
from pathlib import Path

APP = Path(__file__).parents[1] / "app"
# With these, a sentence tells what a function is or gives. "See `X`" refers to another docstring.
NO_IMPERATIVES = frozenset(
    "A All An As Called Each Every For From Gives How If In It Its No One Raises Returns Some Takes That The "
    "These They This Those Two What Where Whether Which Who Why With".split()
)
ATTRIBUTES = {"property", "cached_property", "setter"}  # whose docstrings are nouns


def beginnings(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line of each function with a docstring, and its first word."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        decorators = {getattr(one, "id", getattr(one, "attr", "")) for one in node.decorator_list}
        if (text := ast.get_docstring(node)) and not decorators & ATTRIBUTES:
            yield node.lineno, text.split()[0]


def test_docstrings_of_functions_are_imperatives() -> None:
    wrong = [
        f"{path.relative_to(APP)}:{line} begins with {word}"
        for path in sorted(APP.rglob("*.py"))
        for line, word in beginnings(path.read_text())
        if word in NO_IMPERATIVES
    ]
    assert not wrong


def test_attributes_are_described_and_functions_are_not() -> None:
    source = '''
class A:
    @property
    def size(self):
        """The size."""

    def of(self):
        """The size of it."""

    def read(self):
        """Return the size."""
'''
    assert list(beginnings(source)) == [(7, "The"), (10, "Return")]
