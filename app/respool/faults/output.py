"""What faults of the model share: the output of an answer as items, and how one of them is changed."""

from collections.abc import Callable, Iterable, Iterator
from random import Random

from respool.faults.frame import Frame
from respool.faults.output_items import Output, OutputItem
from respool.faults.output_rewriting import rewrite_output
from respool.faults.places import PlaceLike

MAX_LENGTH = 2 * 1024 * 1024  # characters of a text


def has_text(item: OutputItem) -> bool:
    """Whether an item is a message with a text."""
    return item.text is not None


def rewrite_text(
    frames: Iterable[Frame], at: PlaceLike, rng: Random, change: Callable[[str], str]
) -> Iterator[Frame]:
    """Return an answer of which one text is changed."""

    def rewrite(output: Output) -> list[OutputItem]:
        item = output.find(has_text)
        if item is None or item.text is None:
            return list(output.items)
        return output.with_item(item, item.with_text(_bounded(item.text, change)))

    return rewrite_output(frames, at, rng, rewrite)


def is_call(item: OutputItem) -> bool:
    """Whether an item is a call of a function."""
    return item.type == "function_call" and all(
        isinstance(item.value.get(name), str) for name in ("name", "arguments")
    )


def rewrite_arguments(
    frames: Iterable[Frame], at: PlaceLike, rng: Random, change: Callable[[str], str]
) -> Iterator[Frame]:
    """Return an answer of which the arguments of one call are changed."""

    def rewrite(output: Output) -> list[OutputItem]:
        item = output.find(is_call)
        if item is None:
            return list(output.items)
        return output.with_item(item, item.with_fields(arguments=_bounded(item.value["arguments"], change)))

    return rewrite_output(frames, at, rng, rewrite)


def _bounded(old: str, change: Callable[[str], str]) -> str:
    """Return what `change` makes of a text; the old one where that gets too long, as by many faults."""
    new = change(old)
    return new if len(new) <= max(MAX_LENGTH, len(old)) else old
