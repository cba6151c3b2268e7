"""A job and its heir: the end of the one and the claim of the other, in one write.

The end goes first, and if its claim was lost it fails instead of matching nothing, so that the
server stops there: no heir is claimed whose parent has not ended. That write does not wait for the
disk: a later one, which finds what it left, proves that it lasts (docs/decisions/0026). Whatever
else happens, the steps are done again one by one with the same tokens (docs/decisions/0023).
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from bson.raw_bson import RawBSONDocument

from shared.contracts.attempt import Claim
from shared.contracts.errors import StoreUnavailable
from shared.contracts.job import Job
from shared.contracts.moves import MOVES, Move
from shared.contracts.record import record
from shared.infrastructure.collections import BY_ID, JOBS
from shared.infrastructure.end_statements import End, held
from shared.infrastructure.job_claims import taken
from shared.infrastructure.job_ends import JobEnds
from shared.infrastructure.mongo import Database, Document, translated
from shared.infrastructure.workflow.node_jobs import HELD
from shared.infrastructure.writes import encoded, in_order, until_stored, update

LONGEST = 64 * 1024
"""Characters of a result that goes this way: those of all slots must fit one command."""

_IMPOSSIBLE = "no id of a job"


@record
class Bequest:
    """The end of a job, and its heir as it was read, with the claim that is to be made on it."""

    end: End
    heir: Job
    claim: Claim
    at: datetime  # about when it starts, in the store's time


@record
class Bequeathed:
    """What came of it: ends that came too late, and jobs that are ours now, by their parents."""

    late: list[End]
    won: dict[str, Job]


class Inheriting:
    """Writes ends with heirs. May be repeated: tokens tell what an earlier try has done."""

    def __init__(self, database: Database, ends: JobEnds) -> None:
        self._database = database
        self._jobs = database[JOBS]
        self._ends = ends

    async def pass_on(self, bequests: Sequence[Bequest]) -> bool:
        """Store ends and claim their heirs without waiting for the disk; say if all took effect.

        Then the loss of the primary may undo it until `last` has said otherwise. If not, nothing
        is known.
        """
        statements = [
            statement for each in bequests for statement in (_encode_end(each.end), encode(each))
        ]
        try:
            matched = await in_order(self._database, JOBS, statements)
        except StoreUnavailable:
            return False
        return matched == len(statements)

    async def last(self, bequests: Sequence[Bequest]) -> bool:
        """Say whether all these claims stand and will last, and with them all that led to them.

        The same value is written once more, which changes nothing: MongoDB answers once everything
        that it knew then is durable.
        """
        claims = [{"_id": each.heir.id, "claim.token": each.claim.token} for each in bequests]
        same = [
            encoded(
                {"q": claim, "u": {"$set": {"claim.token": claim["claim.token"]}}, "hint": BY_ID}
            )
            for claim in claims
        ]
        return await update(self._database, JOBS, same) == len(same)

    async def write(self, bequests: Sequence[Bequest]) -> Bequeathed:
        """Store ends and claim their heirs durably, repeating until MongoDB answers."""
        late = await self._ends.write([each.end for each in bequests])
        lost = {end.job.id for end in late}
        ended = [each for each in bequests if each.end.job.id not in lost]
        won = {each.end.job.id: ours(each) for each in ended if await self._claimed(each)}
        return Bequeathed(late=late, won=won)

    async def _claimed(self, bequest: Bequest) -> bool:
        """Claim an heir whose parent has ended for certain; say whether it is ours.

        Afterwards no earlier try that is still on its way can claim it either: the job has moved.
        """

        async def claim() -> bool:
            if await update(self._database, JOBS, [encode(bequest)]):
                return True
            ours = {"_id": bequest.heir.id, "claim.token": bequest.claim.token}
            with translated():
                return await self._jobs.find_one(ours, {"_id": 1}) is not None

        return await until_stored(claim)


def encode(bequest: Bequest) -> RawBSONDocument:
    """Return the guarded claim of an heir: it waits for jobs as it did when it was read."""
    as_it_was = {"_id": bequest.heir.id, **HELD, "version": bequest.heir.version}
    change = taken(bequest.claim)
    change["$unset"] = {"because": ""}
    change["$currentDate"] = {"queued_at": True, **change["$currentDate"]}
    return encoded({"q": as_it_was, "u": change, "hint": BY_ID})


def ours(bequest: Bequest) -> Job:
    """Return the heir as it is stored now; it starts when its parent ends, give or take a write."""
    return bequest.heir.inherited(by=bequest.claim, at=bequest.at)


def _encode_end(end: End) -> RawBSONDocument:
    """Return the update that ends a job, or fails if we have lost it.

    Where nothing matches, the upsert would make a new document of the filter. It cannot: there is
    one with this id already, or, if the job is gone, no document may have another id than asked.
    """
    sources, target = MOVES[Move.SUCCEED]
    said: Document = {"status": target.value, "result": end.result, "unsettled": True}
    if end.progress:
        said["progress"] = asdict(end.progress)
    return encoded(
        {
            "q": {**held(end.job), "status": {"$in": sorted(sources)}},
            "u": {
                "$set": said,
                "$inc": {"version": 1},  # safe: the filter pins status and token
                "$currentDate": {"finished_at": True},
                "$setOnInsert": {"_id": _IMPOSSIBLE},
            },
            "upsert": True,
            "hint": BY_ID,
        }
    )
