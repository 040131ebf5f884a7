"""Helpers of the model's faults: changing one item in the output of an answer."""

from collections.abc import Callable, Iterable, Iterator
from random import Random

from respool.faults.frame import Frame
from respool.faults.output_items import Output, OutputItem
from respool.faults.output_rewriting import rewrite_output
from respool.faults.places import PlaceLike

MAX_LENGTH = 2 * 1024 * 1024  # characters of a text


def has_text(item: OutputItem) -> bool:
    """Return True if an item is a message with a text."""
    return item.text is not None


def rewrite_text(
    frames: Iterable[Frame], at: PlaceLike, rng: Random, change: Callable[[str], str]
) -> Iterator[Frame]:
    """Return an answer with one text changed."""

    def rewrite(output: Output) -> list[OutputItem]:
        item = output.find(has_text)
        if item is None or item.text is None:
            return list(output.items)
        return output.with_item(item, item.with_text(_bounded(item.text, change)))

    return rewrite_output(frames, at, rng, rewrite)


def is_call(item: OutputItem) -> bool:
    """Return True if an item is a call of a function."""
    return item.type == "function_call" and all(
        isinstance(item.value.get(name), str) for name in ("name", "arguments")
    )


def rewrite_arguments(
    frames: Iterable[Frame], at: PlaceLike, rng: Random, change: Callable[[str], str]
) -> Iterator[Frame]:
    """Return an answer with the arguments of one call changed."""

    def rewrite(output: Output) -> list[OutputItem]:
        item = output.find(is_call)
        if item is None:
            return list(output.items)
        return output.with_item(item, item.with_fields(arguments=_bounded(item.value["arguments"], change)))

    return rewrite_output(frames, at, rng, rewrite)


def _bounded(old: str, change: Callable[[str], str]) -> str:
    """Return the changed text, or the old one if the new one is too long, as after many faults."""
    new = change(old)
    return new if len(new) <= max(MAX_LENGTH, len(old)) else old
