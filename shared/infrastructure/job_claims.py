"""Claiming jobs: many in one write with a shared token, then reading back which were won."""

from collections.abc import Callable, Sequence

from shared.contracts.attempt import Claim
from shared.contracts.job import Job
from shared.contracts.moves import MOVES, Move
from shared.contracts.pauses import NOTHING_PAUSED
from shared.infrastructure.collections import BY_ID, JOBS
from shared.infrastructure.documents import from_document
from shared.infrastructure.mongo import Database, Document, translated
from shared.infrastructure.writes import encoded, find_and_update, update

_SOURCES, _TARGET = MOVES[Move.CLAIM]
_FROM = {"$in": sorted(_SOURCES)} if len(_SOURCES) > 1 else next(iter(_SOURCES)).value


class JobClaims:
    """Takes jobs for a worker. Each write may be repeated with the same token."""

    def __init__(self, database: Database, *, tasks: Sequence[str]) -> None:
        self._database = database
        self._jobs = database[JOBS]
        self._tasks = list(tasks)
        self.paused = NOTHING_PAUSED  # as this worker knows it
        self.lined: Callable[[], Sequence[str]] = list  # limits with a line, as it knows them

    async def claim(self, ids: Sequence[str], claim: Claim) -> list[Job]:
        """Return the jobs that are ours now. After an unknown outcome call it again as it was."""
        with translated():
            if len(ids) == 1:
                won = await self._claim_one(ids[0], claim)
            else:
                won = await self._claim_many(ids, claim)
        return [from_document(document) for document in won]

    async def _claim_one(self, job_id: str, claim: Claim) -> list[Document]:
        query = {"_id": job_id, **self._claimable()}
        document = await find_and_update(self._database, JOBS, query, taken(claim))
        if document is None:  # not won, or won by an earlier try whose answer was lost
            document = await self._jobs.find_one({"_id": job_id, "claim.token": claim.token})
        return [document] if document else []

    async def _claim_many(self, ids: Sequence[str], claim: Claim) -> list[Document]:
        wanted = {"_id": {"$in": list(ids)}}
        query = {**wanted, **self._claimable()}
        every = {"q": query, "u": taken(claim), "multi": True, "hint": BY_ID}
        await update(self._database, JOBS, [encoded(every)])
        return (
            await self._jobs.find({**wanted, "claim.token": claim.token}).hint(BY_ID).to_list(None)
        )

    async def leave_to_others(self, ids: Sequence[str]) -> None:
        """Mark jobs that we may not run as unannounced, so that the keeper rings for them again.

        It does so for those whose task we do not know, and once a pause is over.
        """
        not_ours: Document = {"task": {"$nin": self._claimed_tasks()}}
        if self.paused.queues:
            not_ours = {"$or": [not_ours, {"queue": {"$in": list(self.paused.queues)}}]}
        with translated():
            await self._jobs.update_many(
                {"_id": {"$in": list(ids)}, "status": _FROM, **not_ours},
                {"$set": {"published": False}},
                hint=BY_ID,
            )

    def may_claim(self, job: Job) -> bool:
        """Say whether neither its task nor a pause keeps this worker from a job."""
        return job.task in self._tasks and not self.paused.holds(job.queue, job.task)

    async def mark_alone(self, job_id: str, claim: Claim) -> None:
        """Note that a suspect runs alone now: if the worker dies, it is to blame."""
        with translated():
            await self._jobs.update_one(
                {"_id": job_id, "claim.token": claim.token, "status": _TARGET.value},
                {"$set": {"claim.alone": True}},
            )

    async def to_cancel(self, worker: str) -> list[str]:
        """Return the ids of jobs that this worker runs and somebody wants cancelled."""
        with translated():
            found = (
                await self._jobs.find(
                    {
                        "status": _TARGET.value,
                        "cancel_asked_at": {"$exists": True},
                        "claim.worker": worker,
                    },
                    {"_id": 1},
                )
                .hint("cancelling")
                .to_list(None)
            )
        return [each["_id"] for each in found]

    def _claimable(self) -> Document:
        claimable: Document = {"status": _FROM, "task": {"$in": self._claimed_tasks()}}
        if self.paused.queues:
            claimable["queue"] = {"$nin": list(self.paused.queues)}
        if lined := self.lined():
            # The keeper lets them stand in line, unless they hold a lane.
            newcomer = {"limits.name": {"$in": list(lined)}, "line": None, "keys": None}
            claimable["$nor"] = [newcomer]
        return claimable

    def _claimed_tasks(self) -> list[str]:
        if not self.paused.tasks:
            return self._tasks
        return [task for task in self._tasks if task not in self.paused.tasks]


def taken(claim: Claim) -> Document:
    """Return the change that makes a job ours, whatever guards it."""
    return {
        "$set": {
            "status": _TARGET.value,
            "claim": {"token": claim.token, "worker": claim.worker, "alone": claim.alone},
        },
        "$inc": {"version": 1, "attempt": 1, "starts": 1},  # safe: the filter pins the status
        "$currentDate": {"started_at": True},
    }
