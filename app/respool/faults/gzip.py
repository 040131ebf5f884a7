"""A compressed body."""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import ClassVar

from respool.faults.fault import Category, Fault, Stage
from respool.faults.frame import Action, Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Gzip(Fault):
    """The body is compressed with gzip, each event at its moment, if the client accepts it."""

    name: ClassVar[str] = "gzip"
    category: ClassVar[Category] = "wire"
    stage: ClassVar[Stage] = Stage.CODING
    coding: ClassVar[str | None] = "gzip"

    def apply(self, frames: Iterable[Frame], rng: Random) -> Iterator[Frame]:
        deflator = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
        begun = False
        for frame in frames:
            if frame.head:
                begun = True
                head = frame.head.with_headers(content_encoding="gzip", vary="accept-encoding")
                yield replace(frame, head=head)
                continue
            data = b""
            if frame.data:
                data = deflator.compress(frame.data) + deflator.flush(zlib.Z_SYNC_FLUSH)
            if frame.action is Action.CLOSE and begun:
                data += deflator.flush()
            yield replace(frame, data=data)
