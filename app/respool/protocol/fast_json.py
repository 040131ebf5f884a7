"""A fast JSON decoder, for ordinary texts.

`decode` takes less time than `json` does and returns the same values. It refuses NaN, lone surrogates and
numbers that no float can hold. Callers then use `json`, which accepts the text or words the error.
tests/protocol/test_fast_json.py compares the two.

It imports msgspec, so import it where it is used: `respool --help` reads no JSON.
"""

from typing import Any

from msgspec.json import Decoder

_DECODER = Decoder()


def decode(text: str | bytes) -> Any:
    """Return the value of a JSON text, in UTF-8 if it is bytes. After any exception, try `json`."""
    # A string with other characters would keep its UTF-8 form in memory as long as the string lives.
    return _DECODER.decode(text.encode() if isinstance(text, str) and not text.isascii() else text)
