"""Writing how attempts ended, each fenced by its claim token."""

from collections.abc import Sequence

from shared.contracts.errors import StoreUnavailable
from shared.contracts.job import MOVES, Failure, Job
from shared.infrastructure.collections import JOBS
from shared.infrastructure.documents import failure_document, past_attempt_document
from shared.infrastructure.end_statements import End, Statement, held, statements, token_of
from shared.infrastructure.mongo import Database, Document, translated
from shared.infrastructure.writes import TooLarge, until_stored, update


class JobEnds:
    """Writes what became of claimed jobs. A write without the right token changes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._jobs = database[JOBS]

    async def write(self, ends: Sequence[End], *, singly: bool = False) -> list[End]:
        """Store ends, repeating until MongoDB answers; return those that came too late.

        An end is late if its worker lost the job: somebody else has it, or has ended it.
        """
        prepared = list(statements(ends, singly=singly))
        updates = [each.update for each in prepared]
        try:
            matched = await until_stored(lambda: update(self._database, JOBS, updates))
        except TooLarge as error:  # storing again those that are stored does no harm
            again = _shortened(prepared, error.places) if singly else ends
            return await self.write(again, singly=True)
        if matched == len(ends):
            return []
        stored = await until_stored(lambda: self._stored(ends))
        return [end for end in ends if end.job.id not in stored]

    async def _stored(self, ends: Sequence[End]) -> set[str]:
        """Return the ids that carry our token and our end, also from an earlier, unknown try."""
        wanted = {end.job.id: MOVES[end.move][1].value for end in ends}
        tokens = {end.job.id: token_of(end.job) for end in ends}
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


def _shortened(prepared: Sequence[Statement], places: set[int]) -> list[End]:
    """Return the ends with a failure for each that does not fit beside its job's input."""
    return [
        _too_large(end) if place in places else end
        for place, statement in enumerate(prepared)
        for end in statement.ends
    ]


def _too_large(end: End) -> End:
    error = Failure(
        type="result-too-large",
        message="the outcome and the input do not fit one document of 16 MiB; "
        "store the result elsewhere and return a reference",
        retryable=False,
        attempt=end.job.attempt,
    )
    if end.error == error:
        raise StoreUnavailable(f"no end at all fits the document of job {end.job.id}")
    return End(job=end.job, error=error)
