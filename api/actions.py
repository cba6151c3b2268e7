"""The same for many jobs: cancel, retry or delete those that an operator names or describes.

A request does a bounded amount of work and says whether more jobs match; asking again goes on,
because what was done to a job takes it out of the filter.
"""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from api.cancelling import Cancelling
from api.listing import JobSearch, filters_of
from api.rerunning import Rerunning
from shared.contracts.errors import Fault, InvalidInput
from shared.contracts.job import Job
from shared.contracts.moves import ENDS, Status
from shared.contracts.submission import faults_of
from shared.infrastructure.job_outlines import JobOutlines
from shared.infrastructure.retention import Retention

MOST = 10_000
"""How many jobs one request deals with."""

_PAGE = 500

Verb = Literal["cancel", "retry", "delete"]
Counts = dict[str, Any]
JobId = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class Action(BaseModel):
    """What to do, and to which jobs."""

    model_config = ConfigDict(extra="forbid")

    action: Verb
    ids: list[JobId] | None = Field(default=None, min_length=1, max_length=MOST)
    filter: JobSearch | None = Field(default=None, description="as a list takes it; never empty")
    dry_run: bool = Field(default=False, strict=True, description="only say what would happen")


def read_action(value: Any) -> Action:
    """Return the action that a JSON value means; raise InvalidInput."""
    try:
        action = Action.model_validate(value)
    except ValidationError as error:
        raise InvalidInput(faults_of(error.errors())) from None
    if (action.ids is None) == (action.filter is None):
        raise InvalidInput([Fault("", "say which jobs are meant: either `ids` or a `filter`")])
    if action.filter is not None and not filters_of(action.filter, at="/filter"):
        raise InvalidInput([Fault("/filter", "an empty filter would mean every job there is")])
    return action


class Actions:
    """Does what was asked, in batches."""

    def __init__(
        self,
        outlines: JobOutlines,
        cancelling: Cancelling,
        rerunning: Rerunning,
        retention: Retention,
    ) -> None:
        self._outlines = outlines
        self._cancelling = cancelling
        self._rerunning = rerunning
        self._retention = retention

    async def run(self, action: Action) -> Counts:
        """Return how many jobs were meant, to how many it was done, and why not to the others."""
        matched, reasons = 0, Counter[str]()
        last = None
        async for jobs in self._batches(action):
            matched += len(jobs)
            last = jobs[-1].id
            reasons += await self._refusals(action, jobs)
        missing = 0 if action.ids is None else len(set(action.ids)) - matched
        if missing:
            reasons["not-found"] += missing
            matched += missing
        refused = reasons.total()
        return {
            "action": action.action,
            "dry_run": action.dry_run,
            "matched": matched,
            "done": matched - refused,
            "refused": refused,
            "reasons": dict(reasons),
            "more": matched >= MOST and await self._more_than(action, last),
        }

    async def _batches(self, action: Action) -> AsyncIterator[list[Job]]:
        if action.ids is not None:
            ids = sorted(set(action.ids))
            for start in range(0, len(ids), _PAGE):
                if jobs := await self._outlines.get(ids[start : start + _PAGE]):
                    yield jobs
            return
        after: str | None = None
        for _ in range(MOST // _PAGE):
            jobs = await self._outlines.page(_meant(action), after=after, most=_PAGE)
            if jobs:
                yield jobs
            if len(jobs) < _PAGE:
                return
            after = jobs[-1].id

    async def _more_than(self, action: Action, last: str | None) -> bool:
        if action.filter is None:
            return False
        return bool(await self._outlines.page(_meant(action), after=last, most=1))

    async def _refusals(self, action: Action, jobs: Sequence[Job]) -> Counter[str]:
        """Do it to these jobs; return for how many it was not done, by reason."""
        able = [job for job in jobs if _unfit(action.action, job) is None]
        reasons = Counter(_unfit(action.action, job) for job in jobs)
        del reasons[None]
        refused: Counter[str] = Counter({str(reason): n for reason, n in reasons.items()})
        if able and not action.dry_run:
            refused += await self._do(action.action, able)
        return refused

    async def _do(self, verb: Verb, jobs: Sequence[Job]) -> Counter[str]:
        """Return for how many of the jobs it came too late, by reason."""
        if verb == "cancel":
            now = await self._cancelling.cancel(jobs)
            late = sum(job.done and job.status is not Status.CANCELLED for job in now)
            return +Counter({"already-finished": late, "not-found": len(jobs) - len(now)})
        if verb == "retry":
            again = await self._rerunning.all_again(jobs)
            return +Counter({"changed-meanwhile": len(jobs) - len(again)})
        gone = await self._retention.forget([job.id for job in jobs])
        return +Counter({"changed-meanwhile": len(jobs) - gone})


def _unfit(verb: Verb, job: Job) -> str | None:
    """Say why the action cannot be done to a job as it stands, if it cannot."""
    if verb == "cancel":
        return "already-finished" if job.done and job.status is not Status.CANCELLED else None
    if not job.done:
        return "not-finished"
    if job.is_node or (verb == "delete" and job.workflow_id):
        return "part-of-workflow"
    return "not-settled" if verb == "delete" and job.unsettled else None


def _meant(action: Action) -> dict[str, Any]:
    """Return what matches the jobs of the filter that the action can be done to."""
    assert action.filter is not None
    able: dict[str, Any] = {"status": {"$in": sorted(ENDS)}}
    if action.action == "cancel":
        able = {"status": {"$in": sorted(set(Status) - ENDS)}, "cancel_asked_at": None}
    return {"$and": [filters_of(action.filter, at="/filter"), able]}
