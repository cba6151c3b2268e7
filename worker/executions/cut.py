"""Cutting a coroutine short: a cancellation that it may handle, then no more waiting for it."""

import asyncio
from collections.abc import Callable
from types import TracebackType

from warren.errors import SoftTimeout
from worker.attempt import Attempt
from worker.executions import Limits, TimedOut

AFTER_TIMEOUT = 0.5  # seconds in which a task may clean up once its hard timeout is over
AFTER_CANCEL = 5.0  # the same once its job was cancelled


class Cut:
    """Holds for the body of a `with`, in which the present asyncio task awaits the coroutine.

    The coroutine runs in the task of its job, not in one of its own: that would cost every job
    more than all the rest of this does. So a task that goes on regardless keeps the asyncio task,
    and the attempt is left: its end is written by somebody else.
    """

    def __init__(self, attempt: Attempt, limits: Limits, left: set[Attempt]) -> None:
        self._attempt = attempt
        self._limits = limits
        self._left = left
        self._timers: list[asyncio.TimerHandle] = []
        self._thrown = 0
        self._softly: SoftTimeout | None = None
        self.too_late: TimedOut | None = None

    def __enter__(self) -> None:
        running = asyncio.current_task()
        assert running is not None
        self._running = running
        self._attempt.cut = self._cancel
        if self._limits.soft_s is not None:
            self._after(self._limits.soft_s, self._strike_softly)
        if self._limits.hard_s is not None:
            self._after(self._limits.hard_s, self._strike)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._attempt.cut = None
        self._left.discard(self._attempt)
        for timer in self._timers:
            timer.cancel()
        if not self._attempt.abandoned:  # else the cancellation is the caller's too
            while self._running.cancelling():  # ours, and those of a task that cancels itself
                self._running.uncancel()

    def meaning_of(self, error: BaseException) -> BaseException:
        """Return what is to be raised for an error that came out of the coroutine."""
        if self._attempt.abandoned:
            return error
        if self.too_late is not None:
            return self.too_late
        if self._softly is not None and isinstance(error, asyncio.CancelledError):
            return self._softly
        return error

    def _strike_softly(self, seconds: float) -> None:
        if self._attempt.asked:
            return  # it has been cut short, and may be cleaning up
        self._softly = SoftTimeout(seconds)
        self._attempt.late = True
        self._running.cancel(str(self._softly))

    def _strike(self, seconds: float) -> None:
        self.too_late = TimedOut(seconds)
        self._throw(self.too_late, AFTER_TIMEOUT)

    def _cancel(self) -> None:
        self._attempt.knows = True
        self._throw(asyncio.CancelledError("the job is cancelled"), AFTER_CANCEL)

    def _throw(self, error: BaseException, grace: float) -> None:
        self._running.cancel(str(error))
        timer = asyncio.get_running_loop().call_later(grace, self._leave, error)
        self._timers.append(timer)

    def _leave(self, error: BaseException) -> None:
        if not self._attempt.left:
            self._left.add(self._attempt)
            self._attempt.leave(error)

    def _after(self, seconds: float, strike: Callable[[float], None]) -> None:
        loop = asyncio.get_running_loop()
        self._timers.append(loop.call_later(seconds, strike, seconds))
