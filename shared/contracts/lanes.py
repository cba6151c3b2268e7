"""Lanes: who holds a key, who stands in line for it, and who gets it next. Pure: no I/O, no clock.

A lane holds the ids of the jobs that were admitted, each with its *turn*: the version that the job
had while it stood in line. A job that was seen outside of `queued` and `running` at version v is
over for every turn before v, and only for these. So whoever frees a lane may be slow, die, or do it
twice: a later turn of the same job is not touched (docs/decisions/0021).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from shared.contracts.gates import FOR_KEY
from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.contracts.record import record

Over = Mapping[str, int]
"""Jobs that need no lane any more, and the version at which that was seen."""

GONE = 2**62
"""The version of a job that does not exist: it is over for every turn."""


@record
class Holder:
    """A job that was admitted to a lane."""

    job: str
    turn: int
    limit: int = 1  # how many jobs it bears in the lane, itself among them


@record
class Lane:
    """A key, and who has it."""

    key: str
    holders: tuple[Holder, ...] = ()
    held: bool = False  # an operator lets nobody in
    stored: bool = True

    def without(self, over: Over) -> "Lane":
        """Return the lane once these jobs have left it."""
        left = tuple(each for each in self.holders if each.turn >= over.get(each.job, 0))
        return self if len(left) == len(self.holders) else replace(self, holders=left)

    def admits(self, limit: int) -> bool:
        """Say whether there is room for another job, one that bears so many."""
        strictest = min((each.limit for each in self.holders), default=limit)
        return not self.held and len(self.holders) < min(limit, strictest)


@record
class InLine:
    """A job that stands in line, and what has to be known to let it go on."""

    id: str
    key: str
    version: int
    queue: str
    task: str
    limit: int = 1
    priority: int = 5
    tags: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()

    @property
    def next_key(self) -> str | None:
        """Return the key that it needs after this one."""
        behind = self.keys[self.keys.index(self.key) + 1 :] if self.key in self.keys else ()
        return behind[0] if behind else None


def standing(job: Job) -> InLine:
    """Return a job as it stands in line."""
    return InLine(
        id=job.id,
        key=job.lane or "",
        version=job.version,
        queue=job.queue,
        task=job.task,
        limit=job.key_limit,
        priority=job.priority,
        tags=job.tags,
        keys=job.keys,
    )


@record
class Admission:
    """What becomes of a lane."""

    before: Lane
    after: Lane
    admitted: tuple[InLine, ...] = ()  # who holds it now, and is to be let on

    @property
    def changes(self) -> bool:
        """Say whether the lane is another one than before."""
        return self.before.holders != self.after.holders


def admit(lane: Lane, over: Over, line: Sequence[InLine]) -> Admission:
    """Let those leave that are over, then let in the first in line, as many as there is room for.

    Nobody overtakes: who bears fewer beside it than others makes those behind it wait too.
    """
    obsolete = {each.id: each.version for each in line}
    after = lane.without(over).without(obsolete)
    admitted: list[InLine] = []
    for each in line:
        if not any(holder.job == each.id for holder in after.holders):
            if not after.admits(each.limit):
                break
            holder = Holder(job=each.id, turn=each.version, limit=each.limit)
            after = replace(after, holders=(*after.holders, holder))
        admitted.append(each)
    return Admission(before=lane, after=after, admitted=tuple(admitted))


def over_by(jobs: Iterable[Job]) -> dict[str, int]:
    """Return which of these jobs need none of their lanes, as they stand."""
    return {job.id: job.version for job in jobs if job.keys and not _has_a_place(job)}


def _has_a_place(job: Job) -> bool:
    """Say whether a job holds lanes: it may run, or has taken some and stands in line for more."""
    if job.status is Status.WAITING:
        return job.because == FOR_KEY
    return not job.done


def holds_its_lanes(job: Job, lanes: Mapping[str, Lane]) -> bool:
    """Say whether a job that may run was let into all of its lanes, and not for a turn long past.

    `lanes` has those of its keys.
    """
    return all(
        any(each.job == job.id and each.turn >= (job.turn or 0) for each in lanes[key].holders)
        for key in job.keys
    )


def is_over(holder: Holder, key: str, job: Job | None) -> int | None:
    """Return the version at which a holder was seen to be over, None if it is not."""
    if job is None:
        return GONE
    if not _has_a_place(job):
        return job.version
    if job.lane is None or key not in job.keys:
        return None
    # In line for this very key, or for one that comes before it: a turn of the past.
    behind = job.lane in job.keys and job.keys.index(key) < job.keys.index(job.lane)
    return None if behind else job.version
