"""What the other sides of limits answered, told to the limits in short reports."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from shared.contracts.errors import StoreUnavailable
from shared.contracts.limits.breaker import State
from shared.contracts.limits.report import Heard, Report, joined
from shared.infrastructure.limits import Limits
from shared.infrastructure.logs import get_logger
from shared.infrastructure.writes import until_stored
from warren.errors import RateLimited, SoftTimeout
from worker.executions import TimedOut
from worker.executions.processes import TaskFailed
from worker.turns import Granted

log = get_logger(__name__)

_EVERY = 0.2  # seconds between two reports of a limit
_SELDOM = 5.0  # the same while there is nothing to learn from clean calls
_PATIENCE = 5.0  # seconds with MongoDB, for one report
_OUTAGES = (ConnectionError, TimeoutError, socket.gaierror, TimedOut, SoftTimeout)
# Those of clients for HTTP, which need not be installed here.
_NAMES = frozenset(
    {
        *("Unanswered", "TransportError", "TimeoutException", "ClientConnectionError"),
        *("Timeout", "ConnectionError", "TimeoutError", "ConnectTimeout", "ReadTimeout", "timeout"),
    }
)


class Outcomes:
    """Collects how calls went, and tells the limits: at once if something went wrong."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._reports: dict[str, Report] = {}
        self._seldom: dict[str, float] = {}  # when these limits want to hear of clean calls
        self._urgent = asyncio.Event()

    def note(self, turn: Granted, heard: Heard, *, pause_s: float = 0.0) -> None:
        """Keep how one call went; what nobody limits needs to know nothing."""
        if not turn.at:
            return
        name = turn.charge.name
        known = self._reports.get(name) or Report()
        self._reports[name] = joined(known, heard, began=turn.at, pause_ms=pause_s * 1000)
        if heard is not Heard.CLEAN:
            self._urgent.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Outcomes"]:
        """Report in the background; what is left at the end is reported too."""
        telling = asyncio.create_task(self._run())
        try:
            yield self
        finally:
            telling.cancel()
            with suppress(asyncio.CancelledError):
                await telling
            await self._tell(everything=True)

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_EVERY):
                    await self._urgent.wait()
            self._urgent.clear()
            try:
                await self._tell()
            except Exception:
                log.exception("outcomes.dropped")

    async def _tell(self, *, everything: bool = False) -> None:
        now = time.monotonic()
        for name, report in list(self._reports.items()):
            bad = report.throttled or report.outages
            if not (bad or everything) and self._seldom.get(name, 0.0) > now:
                continue
            del self._reports[name]
            with suppress(StoreUnavailable):
                await self._tell_of(name, report)

    async def _tell_of(self, name: str, report: Report) -> None:
        limit = await until_stored(lambda: self._limits.hear(name, report), patience=_PATIENCE)
        self._seldom.pop(name, None)
        if limit is None:
            return
        calm = limit.standing.breaker.state is State.CLOSED and limit.definition.learned is None
        if calm:
            self._seldom[name] = time.monotonic() + _SELDOM


def heard_of(error: BaseException | None) -> tuple[Heard, float]:
    """Return what an outcome says of the other side, and the pause in seconds that it asked for.

    An error of the task's own says nothing against the other side.
    """
    if isinstance(error, RateLimited):
        return Heard.THROTTLED, max(0.0, error.after_s or 0.0)
    if isinstance(error, TaskFailed):
        if error.rest is not None and error.rest.because == "limit":
            return Heard.THROTTLED, error.rest.after_s
        return (Heard.OUTAGE if error.error["type"] in _NAMES else Heard.CLEAN), 0.0
    return (Heard.OUTAGE if _is_outage(error) else Heard.CLEAN), 0.0


def _is_outage(error: BaseException | None) -> bool:
    while error is not None:
        names = {kind.__name__ for kind in type(error).__mro__}
        if isinstance(error, _OUTAGES) or names & _NAMES:
            return True
        error = error.__cause__
    return False
