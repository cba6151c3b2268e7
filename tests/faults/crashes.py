"""Named points at which a process of ours kills itself, once, when a test has armed them."""

import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

POINTS = {
    "insert": ("job_inserts", "JobInserts", "insert"),
    "ring": ("bell_ringer", "BellRinger", "ring"),
    "mark": ("job_inserts", "JobInserts", "mark_published"),
    "claim": ("job_claims", "JobClaims", "claim"),
    "ack": ("bell_consumer", "Bell", "ack"),
    "end": ("job_ends", "JobEnds", "write"),
}
"""On the path of every job. Each has a point before and one after it: `before-claim`."""

OF_WORKFLOWS = {
    "tell": ("workflow.graphs", "Graphs", "pass_on"),
    "bequeath": ("workflow.inheriting", "Inheriting", "pass_on"),
    "open": ("workflow.node_jobs", "NodeJobs", "open"),
    "close": ("workflow.graphs", "Graphs", "close"),
}

NAMES = tuple(f"{when}-{point}" for point in POINTS for when in ("before", "after"))


def switch_on(folder: str, module: str) -> None:
    """Watch the points of this process; `folder` is where tests arm them."""
    del module
    for point, (home, kind, method) in (POINTS | OF_WORKFLOWS).items():
        owner = getattr(import_module(f"shared.infrastructure.{home}"), kind)
        setattr(owner, method, _watched(getattr(owner, method), point, Path(folder)))


def _watched(
    method: Callable[..., Awaitable[Any]], point: str, folder: Path
) -> Callable[..., Awaitable[Any]]:
    async def watched(*arguments: Any, **options: Any) -> Any:
        _die_if_armed(folder / f"before-{point}")
        answer = await method(*arguments, **options)
        _die_if_armed(folder / f"after-{point}")
        return answer

    return watched


def _die_if_armed(flag: Path) -> None:
    with suppress(FileNotFoundError):
        flag.unlink()  # whoever removes it is the one that dies
        os.kill(os.getpid(), signal.SIGKILL)


class Crashes:
    """The tests' side: arms points, and sees which were reached."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def arm(self, name: str) -> None:
        """Let the next process that comes to this point die there."""
        if name.partition("-")[2] not in POINTS | OF_WORKFLOWS:
            raise ValueError(f"there is no crash point {name!r}; for jobs: {', '.join(NAMES)}")
        (self.folder / name).touch()

    def reached(self, name: str) -> bool:
        """Say whether some process has died at an armed point."""
        return not (self.folder / name).exists()
