"""The ledger: what was broken, what clients were told, what tasks did. Kept outside the service.

Instants are seconds on the machine's monotonic clock, which all processes share.
"""

import json
import math
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Fault:
    """Something that was broken on purpose, from when to when."""

    what: str
    began: float
    ended: float = math.inf
    pids: frozenset[int] = frozenset()  # the worker processes whose executions it may have cut
    everyone: bool = False  # it may have cut the executions of every process

    def touches(self, pid: int, since: float, until: float) -> bool:
        """Say whether it may have cut an execution of that process within that time."""
        return (self.everyone or pid in self.pids) and self.began < until and self.ended > since


@dataclass(frozen=True)
class Execution:
    """One run of a task, as the task itself noted it."""

    job: str
    attempt: int
    worker: int  # process id
    began: float
    ended: float | None = None  # none: it was cut off
    raised: bool = False  # it ended by failing, as it was meant to


@dataclass(frozen=True)
class Sight:
    """A job as some client was shown it."""

    version: int
    status: str
    result: str  # JSON
    done: bool


@dataclass
class Ledger:
    """Everything that a judge needs, and nothing of it from the service's own tables."""

    lines: Path  # where tasks write
    faults: list[Fault] = field(default_factory=list)
    offered: set[int] = field(default_factory=set)  # numbers of jobs that clients tried to submit
    accepted: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    cancelled: dict[str, float] = field(default_factory=dict)  # asked for, by job: when answered
    seen: dict[str, set[Sight]] = field(default_factory=lambda: defaultdict(set))
    refused: list[str] = field(default_factory=list)  # answers that no client should ever get
    _runs: dict[tuple[str, int, float], Execution] = field(default_factory=dict)
    _read: int = 0  # bytes of the lines

    @contextmanager
    def fault(
        self, what: str, *, pids: Iterable[int] = (), everyone: bool = False
    ) -> Iterator[Fault]:
        """Note a fault that lasts as long as the context."""
        fault = Fault(what, time.monotonic(), pids=frozenset(pids), everyone=everyone)
        self.faults.append(fault)
        try:
            yield fault
        finally:
            fault.ended = time.monotonic()

    def note_sight(self, job: dict[str, Any]) -> None:
        """Note what a client was shown."""
        result = json.dumps(job["result"], sort_keys=True)
        sight = Sight(job["version"], job["status"], result, job["done"])
        self.seen[job["id"]].add(sight)

    def executions(self) -> dict[str, list[Execution]]:
        """Return what tasks noted, by job, in the order in which they began."""
        self._read_on()
        by_job: dict[str, list[Execution]] = defaultdict(list)
        for run in sorted(self._runs.values(), key=lambda each: each.began):
            by_job[run.job].append(run)
        return by_job

    def _read_on(self) -> None:
        """Read only what is new: who waits for something asks often, beside busy proxies."""
        if not self.lines.exists():
            return
        with self.lines.open("rb") as file:
            file.seek(self._read)
            for text in file:
                if not text.endswith(b"\n"):
                    return  # it is being written
                self._read += len(text)
                self._note_run(json.loads(text))

    def _note_run(self, line: dict[str, Any]) -> None:
        ended = line["what"] == "end"
        began = line["began"] if ended else line["at"]
        self._runs[line["job"], line["worker"], began] = Execution(
            line["job"],
            line["attempt"],
            line["worker"],
            began,
            line["at"] if ended else None,
            line.get("raised", False),
        )
