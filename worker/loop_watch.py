"""Notices that the event loop is blocked, and by which job."""

import asyncio
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial

from shared.contracts.job import Job
from shared.infrastructure.logs import get_logger
from worker.attempt import Attempt
from worker.executions import loop
from worker.reports import Reports

log = get_logger(__name__)

_PULSE = 0.2  # seconds between signs of life of the loop
_LOOK = 0.25  # seconds between looks at them
_LONG = 1.0  # seconds without one that make a block
_FRAMES = 6  # innermost frames that are logged
ADVICE = "use def, or process=True, or await something"


@dataclass(frozen=True, slots=True)
class Block:
    """The loop stands still."""

    since: float  # on the monotonic clock
    job: Job | None  # whose task does it, if that is known
    where: tuple[str, ...]  # the innermost frames, outermost first


class LoopWatch:
    """Looks at the loop from a thread."""

    def __init__(self, attempts: Mapping[str, Attempt], reports: Reports) -> None:
        self._attempts = attempts
        self._reports = reports
        self._stop = threading.Event()
        self._seen_at = time.monotonic()
        self.block: Block | None = None  # the present one
        self.blocked_s = 0.0  # all of them together

    @contextmanager
    def running(self, *, alive: Callable[[], None]) -> Iterator["LoopWatch"]:
        """Watch the running loop while the context is open; it calls `alive` while it moves."""
        self._alive = alive
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._pulse()
        watch = partial(copy_context().run, self._watch)  # its log lines name the worker too
        watcher = threading.Thread(target=watch, name="loop-watch", daemon=True)
        watcher.start()
        try:
            yield self
        finally:
            self._stop.set()
            self._next.cancel()
            watcher.join()

    def _pulse(self) -> None:
        self._seen_at = time.monotonic()
        self._alive()
        if self.block is not None:
            self._over(self.block)
        self._next = self._loop.call_later(_PULSE, self._pulse)

    def _watch(self) -> None:
        looked_at = time.monotonic()
        while not self._stop.wait(_LOOK):
            now = time.monotonic()
            # A thread that slept too long itself says that the whole process was held up.
            held_up, looked_at = now - looked_at > _LOOK + _LONG / 2, now
            if held_up:
                self._seen_at = max(self._seen_at, now - _LONG / 2)
            elif self.block is None and now - self._seen_at > _LONG:
                self._begin()

    def _begin(self) -> None:
        block = Block(since=self._seen_at, job=self._blocker(), where=self._frames())
        log.warning("loop.blocked", **_told(block.job), where=block.where)
        self.block = block

    def _over(self, block: Block) -> None:
        self.block = None
        seconds = time.monotonic() - block.since
        self.blocked_s += seconds
        log.warning("loop.free", **_told(block.job), blocked_s=round(seconds, 1))
        if block.job is not None:
            said = f"blocked the event loop of its worker for {seconds:.1f} s; {ADVICE}"
            self._reports.take_line(block.job, "warning", said, {"where": block.where})

    def _blocker(self) -> Job | None:
        current = asyncio.current_task(self._loop)
        for attempt in list(self._attempts.values()):
            if attempt.running is current:
                return attempt.job
        return None

    def _frames(self) -> tuple[str, ...]:
        frame = sys._current_frames().get(self._loop_thread)
        stack = list(traceback.extract_stack(frame)) if frame else []
        ours = [place for place, each in enumerate(stack) if each.filename == loop.__file__]
        inside = stack[ours[-1] + 1 :] if ours else stack  # what the task itself does
        return tuple(f"{each.filename}:{each.lineno} {each.name}" for each in inside[-_FRAMES:])


def _told(job: Job | None) -> dict[str, str]:
    return {"job_id": job.id, "task": job.task} if job else {}
