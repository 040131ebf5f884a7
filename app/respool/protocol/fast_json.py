"""JSON read fast, for the many texts in which nothing is unusual.

`decode` takes less than `json` does, and gives the same value for all that it takes: it refuses NaN, lone
surrogates and numbers that no float can hold. So whoever calls it reads again with `json` what it refuses,
which then words the error, or takes it after all. tests/protocol/test_fast_json.py holds the two together.

It loads another package, so it is imported where it is used: `respool --help` has nothing to read.
"""

from typing import Any

from msgspec.json import Decoder

_DECODER = Decoder()


def decode(text: str | bytes) -> Any:
    """The value of a JSON text, in UTF-8 if it is bytes. Any exception means: ask `json`."""
    # Of a string with other characters it would keep the UTF-8 form, for as long as there is that string.
    return _DECODER.decode(text.encode() if isinstance(text, str) and not text.isascii() else text)
