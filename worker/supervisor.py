"""Starts worker processes, restarts those that die, and frees the jobs of the dead at once."""

import asyncio
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from shared.contracts.errors import BadSetting
from shared.contracts.ids import new_id
from shared.infrastructure.logs import get_logger
from worker.exits import BAD_SETTING

log = get_logger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0  # seconds between restarts
_HURRY = 3.0  # seconds for a process to hand its jobs back when there is no time to finish them
_LONG_LIFE = 10.0  # seconds; whoever lived longer is restarted at once


class Supervisor:
    """Keeps a number of worker processes alive until told to stop."""

    def __init__(
        self,
        *,
        processes: int,
        grace_s: float,
        on_death: Callable[[str], Awaitable[bool]],
        command: Sequence[str] = (sys.executable, "-m", "worker.process"),
    ) -> None:
        self._processes = processes
        self._patience = grace_s + 5  # then a process that should stop is killed
        self._on_death = on_death  # frees jobs; says whether another process may follow
        self._command = command
        self._stopping = asyncio.Event()
        self._hurried = asyncio.Event()

    def stop(self) -> None:
        """Ask every process to stop; asked again, let none finish what it runs."""
        if self._stopping.is_set():
            self._hurried.set()
        self._stopping.set()

    async def run(self) -> None:
        """Return once all processes have stopped; raise BadSetting if none can start."""
        async with asyncio.TaskGroup() as group:
            for number in range(self._processes):
                group.create_task(self._keep_alive(number))

    async def _keep_alive(self, number: int) -> None:
        pause = _FIRST_PAUSE
        while not self._stopping.is_set():
            worker = new_id(datetime.now(UTC))
            born = time.monotonic()
            code = await self._one_life(worker)
            if code == BAD_SETTING:
                raise BadSetting("the worker processes refuse to start; see their log")
            if code != 0:
                log.warning("process.died", number=number, died=worker, code=code)
                if not await self._bury(worker):
                    log.warning("process.not_replaced", died=worker, reason="it was draining")
                    return
            pause = _FIRST_PAUSE if time.monotonic() - born > _LONG_LIFE else pause
            await self._rest(pause)
            pause = min(_LONGEST_PAUSE, pause * 2)

    async def _bury(self, worker: str) -> bool:
        """Free the jobs of a dead process, unless that takes too long for somebody in a hurry."""
        freeing = asyncio.ensure_future(self._on_death(worker))
        hurried = asyncio.create_task(self._hurried_for(_HURRY))
        try:
            await asyncio.wait({freeing, hurried}, return_when=asyncio.FIRST_COMPLETED)
            return not freeing.done() or freeing.result()
        finally:
            freeing.cancel()
            hurried.cancel()

    async def _hurried_for(self, seconds: float) -> None:
        await self._hurried.wait()
        await asyncio.sleep(seconds)

    async def _one_life(self, worker: str) -> int:
        process = await asyncio.create_subprocess_exec(
            *self._command,
            worker,
            stdin=PIPE,  # closes with us, however we end: no process outlives its supervisor
            start_new_session=True,
        )
        stopping = asyncio.create_task(self._stopping.wait())
        ended = asyncio.create_task(process.wait())
        try:
            await asyncio.wait({stopping, ended}, return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                await self._end(process)
            return await ended
        finally:
            stopping.cancel()

    async def _end(self, process: Process) -> None:
        """Ask a process to stop, and to hurry if we are asked again; in the end kill it."""
        _send(process, signal.SIGTERM)
        ended = await _ends_within(process, self._patience, unless=self._hurried)
        if not ended and self._hurried.is_set():
            _send(process, signal.SIGINT)
            ended = await _ends_within(process, _HURRY, unless=asyncio.Event())
        if not ended:
            log.error("process.killed", reason="it did not stop in time")
            _send(process, signal.SIGKILL)

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()


def _send(process: Process, sent: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(sent)


async def _ends_within(process: Process, patience: float, *, unless: asyncio.Event) -> bool:
    """Say whether a process ended within `patience` seconds; stop waiting once `unless` is set."""
    ended = asyncio.create_task(process.wait())
    cut_short = asyncio.create_task(unless.wait())
    try:
        await asyncio.wait(
            {ended, cut_short}, timeout=patience, return_when=asyncio.FIRST_COMPLETED
        )
        return ended.done()
    finally:
        ended.cancel()
        cut_short.cancel()
