"""Verification: check that the expected requests came, with a message about those that did."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from respool.errors import OptionError
from respool.server.request_filter import RequestFilter, Viewed

_SHOWN = 10  # requests in a message
_NEAREST = 3


@dataclass(frozen=True, slots=True)
class Times:
    """An expected number of requests; by default at least one. Raises OptionError."""

    exactly: int | None = None
    at_least: int | None = None
    at_most: int | None = None

    def __post_init__(self) -> None:
        bounds = (self.at_least, self.at_most)
        if self.exactly is not None and bounds != (None, None):
            raise OptionError("exactly excludes at_least and at_most")
        if any(number is not None and number < 0 for number in (self.exactly, *bounds)):
            raise OptionError("a number of requests is 0 or more")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise OptionError(f"at_least is {self.at_least}, and at_most only {self.at_most}")

    @property
    def least(self) -> int:
        """The smallest allowed number."""
        if self.exactly is not None:
            return self.exactly
        return self.at_least if self.at_least is not None else int(self.at_most is None)

    @property
    def most(self) -> int | None:
        """The largest allowed number; None: any."""
        return self.exactly if self.exactly is not None else self.at_most

    def allows(self, number: int) -> bool:
        """Return True if this number is allowed."""
        return self.least <= number and (self.most is None or number <= self.most)

    def __str__(self) -> str:
        least, most = self.least, self.most
        if least == most:
            return "no request" if least == 0 else f"exactly {counted(least)}"
        if most is None:
            return f"at least {counted(least)}"
        return f"at most {counted(most)}" if least == 0 else f"{least} to {counted(most)}"


class Shown(Viewed, Protocol):
    """A request that can be filtered, and shown in one line."""

    def __str__(self) -> str: ...


def check_count(requests: Sequence[Shown], wanted: RequestFilter, times: Times) -> str:
    """Return a message if the number of `wanted` requests is wrong; "" if it is right."""
    found = wanted.of(requests)
    if times.allows(len(found)):
        return ""
    lines = [f"expected {times} {wanted}, but there {_were(len(found))}"]
    if found:
        lines[0] += ":"
        lines += _listed(found)
    if len(found) < times.least:
        others = [request for request in requests if not any(request is one for one in found)]
        lines += _nearest(others, wanted) if others else ([] if found else ["No request came at all."])
    return "\n".join(lines)


def check_order(requests: Sequence[Shown], wanted: Sequence[RequestFilter]) -> str:
    """Return a message if the requests did not come in the order of `wanted`; "" if they did. Others may be
    in between."""
    at = 0
    for number, one in enumerate(wanted, start=1):
        place = next((place for place in range(at, len(requests)) if one.matches(requests[place])), None)
        if place is None:
            lines = [f"expected, as number {number} of {len(wanted)} in order, a request {one}"]
            if at:
                lines[0] += f", but none came after\n  {requests[at - 1]}"
            else:
                lines[0] += ", but none came"
            if early := one.of(requests[:at]):
                lines += ["It came earlier:", *_listed(early)]
            elif rest := requests[at:]:
                lines += _nearest(rest, one)
            return "\n".join(lines)
        at = place + 1
    return ""


def check_all_played(unplayed: Sequence[str], session: str | None = None) -> str:
    """Return a message if turns of recordings were never played; "" if there are none."""
    if not unplayed:
        return ""
    where = "" if session is None else f' in session "{session}"'
    what = "1 turn of a recording was" if len(unplayed) == 1 else f"{len(unplayed)} turns of recordings were"
    return "\n".join(
        [
            f"{what} never played{where}:",
            *(f"  {name}" for name in unplayed),
        ]
    )


def counted(number: int) -> str:
    """Return a number of requests in words."""
    return f"{number} request{'' if number == 1 else 's'}"


def _were(number: int) -> str:
    return "was none" if number == 0 else "was 1" if number == 1 else f"were {number}"


def _listed(requests: Sequence[Shown]) -> list[str]:
    lines = [f"  {request}" for request in requests[:_SHOWN]]
    more = len(requests) - len(lines)
    return [*lines, f"  and {more} more"] if more else lines


def _nearest(requests: Sequence[Shown], wanted: RequestFilter) -> list[str]:
    """Return the requests that miss the fewest conditions, with those; the latest ones first."""
    missed = [(list(wanted.misses(request)), request) for request in reversed(requests)]
    missed.sort(key=lambda pair: len(pair[0]))
    lines = ["Nearest:"]
    for misses, request in missed[:_NEAREST]:
        lines.append(f"  {request}")
        lines += [f"      {miss}" for miss in misses[:_SHOWN]]
    if more := len(missed) - _NEAREST:
        lines += [f"  and {counted(more)} more"] if more > 0 else []
    return lines
