"""SessionClock: the time of one session. It is the server's time until a test sets it."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, get_args

from respool.errors import OptionError, printable
from respool.play.clock import Clock, ManualClock, Timer
from respool.play.timers import Callback

Mode = Literal["real", "frozen", "auto"]
MODES: tuple[Mode, ...] = get_args(Mode)


@dataclass(frozen=True, slots=True)
class ClockSetting:
    """The setting of a session's clock: all that another process needs to continue it.

    mode   real: it runs; frozen: it moves only by `advance`; auto: it jumps to the next deadline, as soon as
           nothing is busy
    rate   seconds of the session for each second of the server, while it runs
    now    the session's time at `since`, in seconds
    since  the server's time at which this was set, in seconds since 1970

    Raises OptionError for a value out of range.
    """

    mode: Mode = "real"
    rate: float = 1.0
    now: float = 0.0
    since: float = 0.0

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise OptionError(f"clock mode is {self.mode}, expected {', '.join(MODES)}")
        if not 0 < self.rate <= 1e6:
            raise OptionError(f"clock rate is {self.rate}, expected a factor above 0, at most 1000000")


def read_mode(text: str) -> tuple[Mode, float]:
    """Return mode and rate of a clock, from text: a mode, or the rate at which it runs. Raise OptionError."""
    for mode in MODES:
        if text == mode:
            return mode, 1.0
    try:
        rate = float(text)
    except ValueError:
        known = ", ".join(MODES)
        raise OptionError(f"{printable(text, 60)} is no clock; expected {known} or a rate") from None
    return "real", ClockSetting(rate=rate).rate


class SessionClock:
    """The clock of one session: it runs with `base`, at a rate of its own, or is frozen.

    Until `set` is called it is `base` itself, and costs nothing. A waiter calls `listen`, is called when the
    time changes otherwise, and then waits again.
    """

    now: Callable[[], float]
    call_at: Callable[[float, Callback], Timer]
    after_turn: Callable[[Callable[[], None]], None]

    def __init__(
        self,
        base: Clock,
        setting: ClockSetting | None = None,
        busy: Callable[[], bool] = lambda: False,
        mode: Mode = "real",
    ) -> None:
        """`busy` returns True while something that is due has yet to be sent: then time does not jump. `mode`
        is the mode without a `setting`."""
        self._mode = mode
        self._base = base
        self._busy = busy
        self._setting: ClockSetting | None = None
        self._held = ManualClock()
        self._listeners: set[Callable[[], None]] = set()
        self._apply(setting)

    @property
    def setting(self) -> ClockSetting | None:
        """The current setting; None: the server's clock."""
        return self._setting and replace(self._setting, now=self.now(), since=self._base.now())

    @property
    def is_set(self) -> bool:
        """True if it differs from the server's clock."""
        return self._setting is not None

    @property
    def kept_setting(self) -> ClockSetting | None:
        """The setting to store, unchanged as long as nothing sets or moves the clock."""
        if self._setting is None or not self.frozen:
            return self._setting
        return replace(self._setting, now=self.now())

    def follow(self, setting: ClockSetting | None) -> None:
        """Apply the setting of another process, which may have moved the clock forward."""
        known = self.kept_setting
        if setting == known:
            return
        if setting and known and setting.mode == known.mode == "frozen" and setting.since == known.since:
            # The frozen clock was only moved forward; this process may have moved it before storing that.
            self._held.advance_to(setting.now)
            return
        self._apply(setting)
        self._notify()

    @property
    def frozen(self) -> bool:
        """True if it moves only by `advance`."""
        return self._setting is not None and self._setting.mode == "frozen"

    @property
    def mode(self) -> Mode:
        """The mode; without a setting, that of the server's clock: real."""
        return self._setting.mode if self._setting else "real"

    @property
    def base(self) -> Clock:
        """The server's clock."""
        return self._base

    def set(self, mode: Mode = "real", rate: float = 1.0, now: float | None = None) -> None:
        """Run or stand still from now on. `now` sets the session's time; it may not be in its past.

        Raise OptionError for a value out of range.
        """
        moment = self.now()
        if now is not None and now < moment:
            raise OptionError(f"time does not go back: the session is at {moment}, not at {now}")
        start = moment if now is None else now
        self._apply(ClockSetting(mode, rate, start, self._base.now()))
        self._notify()

    def run_as(self, mode: Mode, rate: float = 1.0) -> None:
        """Set mode and rate, unless the clock has them already. Raise OptionError as `set` does."""
        known = self._setting
        same = known.mode == mode and known.rate == rate if known else (mode, rate) == ("real", 1.0)
        if not same:
            self.set(mode, rate)

    def reset(self) -> None:
        """Run as at the beginning, at the server's time. The moments of plays are not adjusted: use it only
        for a session in which nothing plays."""
        self._apply(None)
        self._notify()

    def advance(self, seconds: float) -> None:
        """Move a frozen clock forward. Raise OptionError if it is not frozen, ValueError for less than 0."""
        if not self.frozen:
            raise OptionError("the clock is not frozen: freeze it before it can be advanced")
        self._held.advance(seconds)

    def advance_to(self, moment: float) -> None:
        """Move a frozen clock forward to a time, unless it has passed. Raise OptionError if it is not
        frozen."""
        if not self.frozen:
            raise OptionError("the clock is not frozen: freeze it before it can be advanced")
        self._held.advance_to(moment)

    @property
    def next_deadline(self) -> float | None:
        """The earliest deadline of a waiter on a frozen clock; None without waiters."""
        return self._held.next_deadline

    def listen(self, callback: Callable[[], None]) -> None:
        """Call `callback` when the clock's time is changed, in the thread that changes it."""
        self._listeners.add(callback)

    def unlisten(self, callback: Callable[[], None]) -> None:
        """Stop calling `callback`."""
        self._listeners.discard(callback)

    async def sleep_until(self, deadline: float, interrupt: asyncio.Event | None = None) -> bool:
        """Wait until `deadline`. Return True when it has come, False if `interrupt` came first."""
        loop = asyncio.get_running_loop()
        while self.now() < deadline:
            changed = asyncio.Event()

            def wake(changed: asyncio.Event = changed) -> None:
                loop.call_soon_threadsafe(changed.set)

            self.listen(wake)
            # A stall without end waits for the interrupt alone.
            timer = self.call_at(deadline, changed.set) if deadline < math.inf else None
            try:
                if await _first(changed, interrupt):
                    return False
            finally:
                if timer is not None:
                    timer.cancel()
                self.unlisten(wake)
        return True

    def _apply(self, setting: ClockSetting | None) -> None:
        if setting is None and self._mode != "real":
            setting = ClockSetting(self._mode, 1.0, self._base.now(), self._base.now())
        self._setting = setting
        base = self._base
        if setting is None:
            # The base's own methods: on the path of each event there is no call of ours.
            self.now, self.call_at, self.after_turn = base.now, base.call_at, base.after_turn
        elif setting.mode != "real":
            held = (
                ManualClock(setting.now) if setting.mode == "frozen" else _AutoClock(setting.now, self._busy)
            )
            self._held = held
            self.now, self.call_at, self.after_turn = held.now, held.call_at, held.after_turn
        else:
            self.now, self.call_at, self.after_turn = self._running_now, self._running_call, base.after_turn

    def _notify(self) -> None:
        for callback in list(self._listeners):
            callback()

    def _running_now(self) -> float:
        setting = self._setting
        assert setting
        return setting.now + (self._base.now() - setting.since) * setting.rate

    def _in_base(self, moment: float) -> float:
        setting = self._setting
        assert setting
        return setting.since + (moment - setting.now) / setting.rate

    def _running_call(self, deadline: float, callback: Callback) -> Timer:
        def call() -> float | None:
            again = callback()
            return None if again is None else self._in_base(again)

        return self._base.call_at(self._in_base(deadline), call)


class _AutoClock(ManualClock):
    """A clock that jumps to the next deadline after a turn of the event loop in which nothing is busy.

    Checking all the time whether a client reads would keep a processor busy, so it checks at intervals.
    """

    AGAIN = 0.001  # seconds

    def __init__(self, start: float, busy: Callable[[], bool]) -> None:
        super().__init__(start)
        self._busy = busy
        self._jumping = False

    def call_at(self, deadline: float, callback: Callback) -> Timer:
        timer = super().call_at(deadline, callback)
        if not self._jumping:
            self._jumping = True
            asyncio.get_running_loop().call_soon(self._jump, 2)
        return timer

    def _jump(self, turns: int) -> None:
        """Jump after so many turns of the loop: callbacks woken in this one have yet to do their work."""
        loop = asyncio.get_running_loop()
        if turns:
            loop.call_soon(self._jump, turns - 1)
        elif self._busy():
            loop.call_later(self.AGAIN, self._jump, 1)
        elif (deadline := self.next_deadline) is None:
            self._jumping = False
        else:
            self.advance_to(deadline)
            loop.call_soon(self._jump, 2)


async def _first(event: asyncio.Event, interrupt: asyncio.Event | None) -> bool:
    """Wait for either event; return True if `interrupt` is set."""
    if interrupt is None:
        await event.wait()
        return False
    if interrupt.is_set():
        return True
    tasks = [asyncio.ensure_future(waiting.wait()) for waiting in (event, interrupt)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
    return interrupt.is_set()
