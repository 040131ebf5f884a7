"""Duplicates of a stream: a document may hold it in two forms, as a text and as objects."""

import hashlib
from collections.abc import Sequence

from respool.protocol.events import compact_recorded, loads
from respool.recordings.formats import exchange
from respool.recordings.formats.exchange import FoundExchange
from respool.recordings.formats.turn_builder import TurnBuilder


class KnownStreams:
    """The streams below the members of an object.

    In one exchange, equal streams in two forms are one; elsewhere two equal texts are two streams.
    """

    def __init__(self, *, one_exchange: bool) -> None:
        self._one_exchange = one_exchange
        self._forms: dict[bytes, set[str]] = {}
        self._last: tuple[list[FoundExchange], str] = ([], "")  # signatures are made when they are needed

    def all_of(self, found: Sequence[FoundExchange], form: str) -> list[FoundExchange]:
        """Return the exchanges with a known stream; add the others."""
        found = [one for one in found if one.stream is not None and not one.settled]
        if not found:
            return []
        if not self._forms and not self._last[0]:
            self._last = ([*found], form)
            return []
        if self._last[0]:
            first, first_form = self._last
            self._forms = {_signature(one): {first_form} for one in first}
            self._last = ([], "")
        signatures = [_signature(one) for one in found]
        twice = [
            one
            for one, signature in zip(found, signatures, strict=True)
            if (forms := self._forms.get(signature)) and (self._one_exchange or form not in forms)
        ]
        for signature in signatures:
            self._forms.setdefault(signature, set()).add(form)
        return twice


def _signature(one: FoundExchange) -> bytes:
    """Return a value that is equal for the same stream in all its forms."""
    builder = TurnBuilder("")
    exchange.add(one, builder, "", lambda damage: None)
    digest = hashlib.sha256()
    for turn in builder.finish():
        for timed in turn.events:
            digest.update(_compact(timed.event.text).encode(errors="surrogatepass") + b"\n")
    return digest.digest()


def _compact(text: str) -> str:
    """Return a JSON text normalised for comparison."""
    try:
        return compact_recorded(loads(text))
    except ValueError:
        return text
