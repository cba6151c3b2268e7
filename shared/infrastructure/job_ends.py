"""Writing how attempts ended, each fenced by its claim token."""

from collections.abc import Sequence
from dataclasses import dataclass

from bson.raw_bson import RawBSONDocument

from shared.contracts.errors import StoreUnavailable
from shared.contracts.job import MOVES, Failure, Job, Move
from shared.infrastructure.collections import BY_ID, JOBS
from shared.infrastructure.documents import failure_document, past_attempt_document
from shared.infrastructure.mongo import Database, Document, translated
from shared.infrastructure.writes import TooLarge, encoded, until_stored, update


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How one attempt ended the job: with a result (JSON text) or with an error."""

    job: Job
    result: str | None = None
    error: Failure | None = None

    @property
    def move(self) -> Move:
        """Return the move that this end makes."""
        return Move.FAIL if self.error else Move.SUCCEED


EncodedEnd = tuple[End, RawBSONDocument]


def encode_end(end: End) -> EncodedEnd:
    """Return the guarded update for an end, ready to join a batch."""
    sources, target = MOVES[end.move]
    outcome = {"error": failure_document(end.error)} if end.error else {"result": end.result}
    guarded = {
        "q": {**held(end.job), "status": {"$in": sorted(sources)}},
        "u": {
            "$set": {"status": target.value, **outcome},
            "$inc": {"version": 1},  # safe: the filter pins status and token
            "$currentDate": {"finished_at": True},
        },
        "hint": BY_ID,
    }
    return end, encoded(guarded)


class JobEnds:
    """Writes what became of claimed jobs. A write without the right token changes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._jobs = database[JOBS]

    async def write(self, ends: Sequence[EncodedEnd]) -> list[End]:
        """Store ends, repeating until MongoDB answers; return those that came too late.

        An end is late if its worker lost the job: somebody else has it, or has ended it.
        """
        updates = [document for _, document in ends]
        try:
            matched = await until_stored(lambda: update(self._database, JOBS, updates))
        except TooLarge as error:  # the others are stored, and storing them again does no harm
            places = enumerate(ends)
            return await self.write([_shortened(e) if n in error.places else e for n, e in places])
        if matched == len(ends):
            return []
        stored = await until_stored(lambda: self._stored([end for end, _ in ends]))
        return [end for end, _ in ends if end.job.id not in stored]

    async def _stored(self, ends: Sequence[End]) -> set[str]:
        """Return the ids that carry our token and our end, also from an earlier, unknown try."""
        wanted = {end.job.id: MOVES[end.move][1].value for end in ends}
        tokens = {end.job.id: end.job.claim.token for end in ends if end.job.claim}
        with translated():
            found = await self._jobs.find(
                {"_id": {"$in": list(wanted)}}, {"status": 1, "claim": 1}
            ).to_list(None)
        return {
            each["_id"]
            for each in found
            if each["status"] == wanted[each["_id"]]
            and each.get("claim", {}).get("token") == tokens[each["_id"]]
        }

    async def move_back(self, before: Job, moved: Job) -> bool:
        """Store a move that gives the job up (`moved`), if the claim of `before` still holds."""
        changes: Document = {
            "$set": {
                "status": moved.status.value,
                "attempt": moved.attempt,
                "lost": moved.lost,
                "lost_alone": moved.lost_alone,
            },
            "$inc": {"version": 1},
        }
        if moved.done and moved.error:
            changes["$set"] |= {"error": failure_document(moved.error), "unsettled": True}
            changes["$currentDate"] = {"finished_at": True}
        else:
            changes["$set"]["published"] = False
            changes["$unset"] = {"claim": "", "started_at": "", "progress": ""}
            changes["$push"] = {"past_attempts": past_attempt_document(moved.past_attempts[-1])}
            changes["$currentDate"] = {"queued_at": True}
        with translated():
            outcome = await self._jobs.update_one(
                {**held(before), "status": before.status.value}, changes
            )
        return bool(outcome.matched_count)


def _shortened(too_large: EncodedEnd) -> EncodedEnd:
    """Return the failure that stands in for an end that does not fit beside the job's input."""
    end = too_large[0]
    error = Failure(
        type="result-too-large",
        message="the outcome and the input do not fit one document of 16 MiB; "
        "store the result elsewhere and return a reference",
        retryable=False,
        attempt=end.job.attempt,
    )
    if end.error == error:
        raise StoreUnavailable(f"no end at all fits the document of job {end.job.id}")
    return encode_end(End(job=end.job, error=error))


def held(job: Job) -> Document:
    """Return the filter that matches a job only while our claim on it holds."""
    if job.claim is None:
        raise ValueError(f"job {job.id} is not claimed, so nothing can be written for its worker")
    return {"_id": job.id, "claim.token": job.claim.token}
