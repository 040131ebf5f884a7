"""Faults of the model: the text that it writes. The stream is legal, but its text is awkward for the reader.

The first text from the place `at` on is changed; if there is none, nothing happens.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from random import Random
from typing import Any

from respool.faults.changed_output import MAX_LENGTH, has_text, rewrite_arguments, rewrite_text
from respool.faults.fault import Fault, Stage, fault_class
from respool.faults.frame import Frame
from respool.faults.output_items import Output, OutputItem
from respool.faults.output_rewriting import rewrite_output
from respool.faults.places import PlaceLike, spot
from respool.options import choice, line, share, text, whole
from respool.protocol.events import dumps, loads

_LONGEST_END = 1000  # characters of a text that are repeated
_COPIES = 5  # of a text in a stream: deltas, done, part, item, Response


@fault_class("code_fence", "model", Stage.MODEL, expect="cope")
class CodeFence(Fault):
    """The text comes in a code fence of Markdown, though JSON alone was asked for.

    at        which text, by one of its events, or one before it
    language  what stands after the fence
    intro     what stands before it
    """

    at: PlaceLike = spot("1")
    language: str = line("json")
    intro: str = text("")

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        intro = f"{self.intro}\n\n" if self.intro else ""
        return rewrite_text(frames, self.at, rng, lambda old: f"{intro}```{self.language}\n{old}\n```")


def _with_comment(value: Any) -> str:
    return re.sub(r"\n", "  // as asked\n", json.dumps(value, indent=2, ensure_ascii=False), count=1)


_ALMOST: Mapping[str, Callable[[Any], str]] = {
    "trailing_comma": lambda value: f"{dumps(value)[:-1]},{dumps(value)[-1]}",
    "single_quotes": lambda value: dumps(value).replace('"', "'"),
    "bare_keys": lambda value: re.sub(r'"(\w+)":', r"\1:", dumps(value)),
    "comment": _with_comment,
    "python": str,
    "cut": lambda value: dumps(value)[:-1],
    "words": lambda value: f"{dumps(value)}\n\nLet me know if you need anything else!",
}


def almost_json(old: str, kind: str) -> str:
    """Return JSON with a mistake that models make. Other text is put into an object first."""
    try:
        value = loads(old)
    except ValueError:
        value = old
    if not isinstance(value, dict | list):
        value = {"answer": value}
    changed = _ALMOST[kind](value)
    try:
        json.loads(changed)
    except ValueError:
        return changed
    return _ALMOST["trailing_comma"](value)  # this value cannot have the mistake


@fault_class("almost_json", "model", Stage.MODEL, expect="cope")
class AlmostJson(Fault):
    """The text, or the arguments of a call, are nearly JSON; a text that is none is put in an object first.

    at    which text or call, by one of its events, or one before it
    of    text, arguments
    kind  what is wrong: trailing_comma, single_quotes, bare_keys, comment, python, cut, words (after it)
    """

    at: PlaceLike = spot("1")
    of: str = choice("text", ("text", "arguments"))
    kind: str = choice("trailing_comma", tuple(_ALMOST))

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        rewrite = rewrite_text if self.of == "text" else rewrite_arguments
        return rewrite(frames, self.at, rng, lambda old: almost_json(old, self.kind))


@fault_class("empty_text", "model", Stage.MODEL, expect="cope")
class EmptyText(Fault):
    """The text is empty: there is a message, and it says nothing.

    at  which text, by one of its events, or one before it
    """

    at: PlaceLike = spot("1")

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        return rewrite_text(frames, self.at, rng, lambda old: "")


@fault_class("refusal", "model", Stage.MODEL, expect="cope")
class RefusalInAnswer(Fault):
    """The model refuses in the middle of its answer: a part of the text, then a refusal.

    at       which text, by one of its events, or one before it
    keep     the share of the text that comes before
    message  of the refusal
    """

    at: PlaceLike = spot("1")
    keep: float = share(0.5)
    message: str = text("I'm sorry, but I can't help with that.")

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        def change(output: Output) -> list[OutputItem]:
            item = output.find(has_text)
            if item is None or item.text is None:
                return list(output.items)
            refusal = {"type": "refusal", "refusal": self.message}
            return output.with_item(
                item, item.with_text(item.text[: int(self.keep * len(item.text))], refusal)
            )

        return rewrite_output(frames, self.at, rng, change)


_LANGUAGES = {
    "ja": "申し訳ありませんが、ご質問の意味がよくわかりませんでした。もう一度お聞かせください。",
    "zh": "抱歉，我没有完全理解您的问题，请再说明一下。",
    "ar": "عذرًا، لم أفهم سؤالك تمامًا. هل يمكنك توضيح ما تقصده؟ ",
    "ru": "Извините, я не совсем понял ваш вопрос. Не могли бы вы уточнить? ",
    "de": "Entschuldigung, ich habe Ihre Frage nicht ganz verstanden. Könnten Sie sie präzisieren? ",
}


@fault_class("other_language", "model", Stage.MODEL, expect="cope")
class OtherLanguage(Fault):
    """The answer is in another language than the question, and about as long as it was.

    at        which text, by one of its events, or one before it
    language  ja, zh, ar, ru, de
    """

    at: PlaceLike = spot("1")
    language: str = choice("ja", tuple(_LANGUAGES))

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        phrase = _LANGUAGES[self.language]
        return rewrite_text(
            frames, self.at, rng, lambda old: (phrase * (len(old) // len(phrase) + 1)).strip()
        )


@fault_class("long_text", "model", Stage.MODEL, expect="cope")
class LongText(Fault):
    """The answer is very long: the text again and again, with new numbers.

    at    which text, by one of its events, or one before it
    size  characters, at most 2M
    """

    at: PlaceLike = spot("1")
    size: int = whole(200_000, 1, MAX_LENGTH, unit="characters")

    @property
    def added_bytes(self) -> int:
        return _COPIES * self.size

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        def change(old: str) -> str:
            paragraphs: list[str] = []
            length = 0
            while length < self.size:
                paragraphs.append(f"{len(paragraphs) + 1}. {old[:1000] or 'More'}\n\n")
                length += len(paragraphs[-1])
            return "".join(paragraphs)[: self.size]

        return rewrite_text(frames, self.at, rng, change)


@fault_class("repeated_text", "model", Stage.MODEL, expect="cope")
class RepeatedText(Fault):
    """The model goes round in circles: the end of its text comes again and again.

    at     which text, by one of its events, or one before it
    count  how often
    """

    at: PlaceLike = spot("1")
    count: int = whole(50, 1, 1000)

    @property
    def added_bytes(self) -> int:
        return _COPIES * _LONGEST_END * self.count

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        def change(old: str) -> str:
            last = re.split(r"(?<=[.!?\n])\s+", old[-_LONGEST_END:].strip())[-1] or "Again."
            return f"{old} {' '.join([last] * self.count)}"

        return rewrite_text(frames, self.at, rng, change)


# Characters that have broken terminals, logs and pages: NUL, bell, backspace, escape sequences, carriage
# return, DEL, C1, soft hyphen, zero width, marks of direction, overrides and isolates, line separators, byte
# order mark, noncharacters, tags, combining marks.
ODD_CHARACTERS = (
    "\x00", "\x07", "\x08", "\x1b[31m", "\x1b]0;title\x07", "\r", "\x7f", "\x9b", "\u00ad", "\u200b",
    "\u200d", "\u200e", "\u200f", "\u202e", "\u2066", "\u2069", "\u2028", "\u2029", "\ufeff", "\ufffe",
    "\U000e0041", "e\u0301\u0301\u0301",
)  # fmt: skip


@fault_class("odd_characters", "model", Stage.MODEL, expect="cope")
class OddCharacters(Fault):
    """There are control characters, escape sequences and marks of direction in the text, at random.

    at     which text, by one of its events, or one before it
    count  how many
    """

    at: PlaceLike = spot("1")
    count: int = whole(20, 1, 10_000)

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        def change(old: str) -> str:
            places = sorted(rng.randint(0, len(old)) for _ in range(self.count))
            parts = [old[start:end] for start, end in zip([0, *places], [*places, len(old)], strict=True)]
            odd = [rng.choice(ODD_CHARACTERS) for _ in places]
            return "".join(piece for pair in zip(parts, [*odd, ""], strict=True) for piece in pair)

        return rewrite_text(frames, self.at, rng, change)
