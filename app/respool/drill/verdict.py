"""The behaviour of a client under a fault, and the verdict. Values and tables, no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from signal import SIGABRT, SIGFPE, SIGILL, SIGSEGV, Signals

from respool.drill.cases import Case, Expect
from respool.errors import printable


class Verdict(StrEnum):
    """The verdicts, the worst last."""

    SURVIVED = "survived"
    COPED = "coped"
    NOTICED = "noticed"
    LUCKY = "lucky"
    GAVE_UP = "gave up"
    CRASHED = "crashed"
    HUNG = "hung"
    FOOLED = "fooled"

    @property
    def bad(self) -> bool:
        return self in _BAD


_BAD = frozenset({Verdict.GAVE_UP, Verdict.CRASHED, Verdict.HUNG, Verdict.FOOLED})

MEANINGS: Mapping[Verdict, str] = {
    Verdict.SURVIVED: "it did as without the fault",
    Verdict.COPED: "it made of it what it could, and came to an end",
    Verdict.NOTICED: "it failed, as it should or may",
    Verdict.LUCKY: "it did as without the fault, though the stream never said that it was complete",
    Verdict.GAVE_UP: "it failed, though the fault is harmless",
    Verdict.CRASHED: "it was killed by a signal",
    Verdict.HUNG: "it did not end in time",
    Verdict.FOOLED: "it took a broken answer for a success",
}


class ClientOutcome(Enum):
    """How a run ended, seen from outside."""

    SAME = "exit code 0, the same output"
    OTHER = "exit code 0, other output"
    ENDED = "exit code 0, the output cannot be compared"
    FAILED = "another exit code"
    HUNG = "killed when its time was over"
    CRASHED = "killed by a signal"


# The verdict for each outcome and expectation.
VERDICTS: Mapping[ClientOutcome, Mapping[Expect, Verdict]] = {
    ClientOutcome.SAME: {
        Expect.SURVIVE: Verdict.SURVIVED,
        Expect.EITHER: Verdict.SURVIVED,
        Expect.COPE: Verdict.SURVIVED,
        Expect.NOTICE: Verdict.LUCKY,
    },
    ClientOutcome.OTHER: {**dict.fromkeys(Expect, Verdict.FOOLED), Expect.COPE: Verdict.COPED},
    ClientOutcome.ENDED: {
        Expect.SURVIVE: Verdict.SURVIVED,
        Expect.EITHER: Verdict.SURVIVED,
        Expect.COPE: Verdict.COPED,
        Expect.NOTICE: Verdict.FOOLED,
    },
    ClientOutcome.FAILED: {
        Expect.SURVIVE: Verdict.GAVE_UP,
        Expect.EITHER: Verdict.NOTICED,
        Expect.COPE: Verdict.NOTICED,
        Expect.NOTICE: Verdict.NOTICED,
    },
    ClientOutcome.HUNG: dict.fromkeys(Expect, Verdict.HUNG),
    ClientOutcome.CRASHED: dict.fromkeys(Expect, Verdict.CRASHED),
}

# A shell's exit code for a signal is 128 + its number. These are crashes; with others (SIGTERM, SIGPIPE) a
# script may end on purpose.
_CRASHES = frozenset(128 + signal for signal in (SIGABRT, SIGFPE, SIGILL, SIGSEGV))


@dataclass(frozen=True, slots=True)
class ClientRun:
    """One run of the client."""

    exit_code: int | None  # as subprocess gives it: -N if signal N killed it; None if it hung
    seconds: float  # from its start to its end
    requests: int  # how many the server saw
    output: str  # its stdout, up to KEPT bytes
    digest: str  # of its whole stdout
    errors: str = ""  # its stderr, up to KEPT bytes

    @property
    def hung(self) -> bool:
        return self.exit_code is None

    @property
    def crashed(self) -> bool:
        return self.exit_code is not None and (self.exit_code < 0 or self.exit_code in _CRASHES)


@dataclass(frozen=True, slots=True)
class Result:
    """A case, its run and the verdict; `reason` is one line for people."""

    case: Case
    run: ClientRun
    verdict: Verdict
    reason: str


def judge(case: Case, run: ClientRun, reference: ClientRun, *, comparable: bool) -> Result:
    """Judge a run by the `reference`, the run without a fault.

    `comparable`: the client's output is the same in every run without a fault.
    """
    outcome = outcome_of(run, reference, comparable=comparable)
    return Result(case, run, VERDICTS[outcome][case.expect], _reason(outcome, run, reference))


def outcome_of(run: ClientRun, reference: ClientRun, *, comparable: bool) -> ClientOutcome:
    if run.hung:
        return ClientOutcome.HUNG
    if run.crashed:
        return ClientOutcome.CRASHED
    if run.exit_code != 0:
        return ClientOutcome.FAILED
    if not comparable:
        return ClientOutcome.ENDED
    return ClientOutcome.SAME if run.digest == reference.digest else ClientOutcome.OTHER


def _reason(outcome: ClientOutcome, run: ClientRun, reference: ClientRun) -> str:
    match outcome:
        case ClientOutcome.HUNG:
            return f"still running after {run.seconds:.1f} s"
        case ClientOutcome.CRASHED:
            return f"killed by {_signal(run.exit_code or 0)}"
        case ClientOutcome.FAILED:
            return last_line(run.errors) or f"exit code {run.exit_code}"
        case ClientOutcome.OTHER:
            return difference(reference.output, run.output)
        case ClientOutcome.ENDED:
            return "exit code 0; its output cannot be compared"
        case ClientOutcome.SAME:
            return ""


def _signal(exit_code: int) -> str:
    number = -exit_code if exit_code < 0 else exit_code - 128
    try:
        return Signals(number).name
    except ValueError:
        return f"signal {number}"


def last_line(text: str) -> str:
    """Return the last line that is not blank: for most programs, the error."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return printable(lines[-1], 120) if lines else ""


def difference(expected: str, got: str) -> str:
    """Return the first difference of two outputs, in one line."""
    place = next(
        (place for place, pair in enumerate(zip(expected, got, strict=False)) if pair[0] != pair[1]),
        min(len(expected), len(got)),
    )
    if not got:
        return "no output"
    if place == len(expected) == len(got):
        return "other output"  # it differs after the kept bytes
    if place == len(got):
        return f"output ends after {place} characters, {len(expected) - place} early"
    there = printable(got[place : place + 20], 24)
    if place == len(expected):
        return f"output goes on after {place} characters: '{there}'"
    wanted = printable(expected[place : place + 20], 24)
    return f"output differs at character {place}: '{there}' for '{wanted}'"
