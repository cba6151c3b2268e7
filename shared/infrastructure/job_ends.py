"""Writing how attempts ended, each fenced by its claim token."""

from collections.abc import Sequence

from shared.contracts.attempt import Failure
from shared.contracts.errors import StoreUnavailable
from shared.contracts.moves import MOVES, Move
from shared.infrastructure.collections import JOBS
from shared.infrastructure.end_statements import PUT_OFF, End, Statement, statements, token_of
from shared.infrastructure.mongo import Database, Document, translated
from shared.infrastructure.writes import TooLarge, until_stored, update

_GOES_ON = PUT_OFF | {Move.AWAIT}


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
        late = [end for end in ends if end.job.id not in stored]
        return await self._cancelled_meanwhile(late)

    async def _stored(self, ends: Sequence[End]) -> set[str]:
        """Return the ids that carry our token and our end, also from an earlier, unknown try."""
        by_id = {end.job.id: end for end in ends}
        with translated():
            found = await self._jobs.find(
                {"_id": {"$in": list(by_id)}}, {"status": 1, "claim": 1, "past_attempts": 1}
            ).to_list(None)
        return {each["_id"] for each in found if _shows(each, by_id[each["_id"]])}

    async def _cancelled_meanwhile(self, late: Sequence[End]) -> list[End]:
        """Cancel what was to go on: its write does not match once somebody asked for that."""
        put_off = [end for end in late if end.move in _GOES_ON]
        if not put_off:
            return list(late)
        others = [end for end in late if end.move not in _GOES_ON]
        return others + await self.write([End(job=end.job, verdict=Move.CANCEL) for end in put_off])


def _shows(document: Document, end: End) -> bool:
    """Say whether a stored job has the end: its present claim's, or among its past attempts."""
    token = token_of(end.job)
    if end.move is Move.STAND_IN_LINE:
        return bool(document.get("claim", {}).get("token") != token)
    if end.move in PUT_OFF:
        past = document.get("past_attempts", ())
        return any(
            each.get("token") == token and each["outcome"] in ("failed", "snoozed") for each in past
        )
    ended_so: bool = document["status"] == MOVES[end.move][1].value
    return ended_so and document.get("claim", {}).get("token") == token


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
