"""The guarded updates that end jobs: one for the plain successes of a claim, one a job otherwise.

Each success has a result of its own, so the shared update looks it up by the job's id. That makes
it a pipeline, in which results stand under `$literal`: a result must never be read as an expression
(docs/decisions/0013).
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from bson.raw_bson import RawBSONDocument

from shared.contracts.attempt import Failure, Progress
from shared.contracts.job import Job
from shared.contracts.moves import MOVES, Move
from shared.contracts.record import record
from shared.infrastructure.collections import BY_ID
from shared.infrastructure.documents import failure_document
from shared.infrastructure.job_moves import encode_move
from shared.infrastructure.mongo import Document, literal
from shared.infrastructure.writes import encoded

PUT_OFF = frozenset({Move.RETRY, Move.SNOOZE, Move.STAND_IN_LINE})
"""The moves after which another attempt follows, or the first one."""

_MOST_TOGETHER = 100  # jobs in one statement: looking up results is quadratic in this
_LONGEST_SHARED = 16 * 1024  # characters of a result that shares a statement


@record
class End:
    """How one attempt ended: with a result (JSON text), an error, or another attempt to come."""

    job: Job
    result: str | None = None
    error: Failure | None = None
    progress: Progress | None = None  # reported and not yet stored
    verdict: Move | None = None  # CANCEL, EXPIRE, RETRY or SNOOZE; else result and error decide
    delay: timedelta = timedelta()  # until the next attempt, with RETRY and SNOOZE
    because: str = "retry"  # why it waits, with SNOOZE
    line: str = ""  # of which limit, with STAND_IN_LINE; none: for its keys
    turn_at: datetime | None = None  # when its turn comes there

    @property
    def move(self) -> Move:
        """Return the move that this end makes."""
        return self.verdict or (Move.FAIL if self.error else Move.SUCCEED)

    @property
    def has_followers(self) -> bool:
        """Say whether other jobs may wait for this end."""
        if self.move is Move.AWAIT:
            return True  # what grew from it may have ended already
        if self.job.keys:
            return True  # those behind it in its lanes
        return _concerns_others(self.job) and self.move not in PUT_OFF

    @property
    def after(self) -> Job:
        """Return the job as this end leaves it; its instants are those of the claim."""
        at = self.job.started_at or self.job.created_at
        if self.move in PUT_OFF:
            return self.put_off(at)
        if self.move is Move.SUCCEED:
            return self.job.succeeded(result=self.result or "null", at=at)
        if self.move is Move.AWAIT:
            return self.job.awaiting(result=self.result)
        if self.move is Move.FAIL and self.error:
            return self.job.failed(error=self.error, at=at)
        return self.job.expired(at=at) if self.move is Move.EXPIRE else self.job.cancelled(at=at)

    def put_off(self, at: datetime) -> Job:
        """Return the job as RETRY, SNOOZE or STAND_IN_LINE leaves it."""
        if self.move is Move.STAND_IN_LINE and not self.line:
            return self.job.shut_out()
        if self.move is Move.STAND_IN_LINE:
            return self.job.limited(limit=self.line, turn_at=self.turn_at or at)
        if self.error and self.move is Move.RETRY:
            return self.job.tried_in_vain(error=self.error, delay=self.delay, at=at)
        return self.job.snoozed(delay=self.delay, at=at, because=self.because)

    @property
    def event(self) -> str:
        """Name the event that this end makes."""
        if self.move in PUT_OFF:
            again = self.because == "retry" and self.move is not Move.STAND_IN_LINE
            return "job.retrying" if again else "job.waiting"
        return f"job.{MOVES[self.move][1]}"


@dataclass(frozen=True, slots=True)
class Statement:
    """One update, and the ends that it stores."""

    ends: tuple[End, ...]
    update: RawBSONDocument


def statements(ends: Sequence[End], *, singly: bool = False) -> Iterator[Statement]:
    """Return the updates that store these ends, each on its own if `singly`."""
    by_token: defaultdict[tuple[str, bool], list[End]] = defaultdict(list)
    for end in ends:
        if not singly and _is_plain(end):
            by_token[token_of(end.job), _concerns_others(end.job)].append(end)
        else:
            yield Statement((end,), encode_end(end))
    for alike in by_token.values():
        for start in range(0, len(alike), _MOST_TOGETHER):
            together = tuple(alike[start : start + _MOST_TOGETHER])
            yield Statement(together, _encode_successes(together))


def encode_end(end: End) -> RawBSONDocument:
    """Return the guarded update for one end."""
    if end.move in PUT_OFF:
        return _encode_put_off(end)
    sources, target = MOVES[end.move]
    outcome: Document = {}
    if end.error:
        outcome["error"] = failure_document(end.error)
    if end.result is not None:
        outcome["result"] = end.result
    if end.move is Move.AWAIT:
        return _encode_awaiting(end, outcome)
    if _concerns_others(end.job):
        outcome["unsettled"] = True  # until its workflow has moved on
    if end.progress:
        outcome["progress"] = asdict(end.progress)
    return encoded(
        {
            "q": {**held(end.job), "status": {"$in": sorted(sources)}},
            "u": {
                "$set": {"status": target.value, **outcome},
                "$inc": {"version": 1},  # safe: the filter pins status and token
                "$currentDate": {"finished_at": True},
            },
            "hint": BY_ID,
        }
    )


def _encode_awaiting(end: End, outcome: Document) -> RawBSONDocument:
    sources, target = MOVES[Move.AWAIT]
    waits = {"status": target.value, "because": "jobs", "unsettled": True, **outcome}
    unasked = {"cancel_asked_at": None}  # else it is cancelled, and with it what grew
    return encoded(
        {
            "q": {**held(end.job), "status": {"$in": sorted(sources)}, **unasked},
            "u": {"$set": waits, "$inc": {"version": 1}},  # safe: the filter pins the status
            "hint": BY_ID,
        }
    )


def _encode_put_off(end: End) -> RawBSONDocument:
    now = datetime.now(UTC)  # only distances from it are stored
    return encode_move(end.job, end.put_off(now), at=now)


def _encode_successes(ends: Sequence[End]) -> RawBSONDocument:
    sources, target = MOVES[Move.SUCCEED]
    ids = [end.job.id for end in ends]
    place = {"$indexOfArray": [literal(ids), "$_id"]}
    results = literal([end.result for end in ends])
    return encoded(
        {
            "q": {
                "_id": {"$in": ids},
                "claim.token": token_of(ends[0].job),
                "status": {"$in": sorted(sources)},
            },
            "u": [
                {
                    "$set": {
                        "status": literal(target.value),
                        "finished_at": "$$NOW",
                        "version": {"$add": ["$version", 1]},
                        "result": {"$arrayElemAt": [results, place]},
                        **({"unsettled": True} if _concerns_others(ends[0].job) else {}),
                    }
                }
            ],
            "multi": True,
            "hint": BY_ID,
        }
    )


def _concerns_others(job: Job) -> bool:
    return job.workflow_id is not None or job.grown


def _is_plain(end: End) -> bool:
    return (
        end.move is Move.SUCCEED
        and end.result is not None
        and len(end.result) <= _LONGEST_SHARED
        and end.progress is None
    )


def held(job: Job) -> Document:
    """Return the filter that matches a job only while our claim on it holds."""
    return {"_id": job.id, "claim.token": token_of(job)}


def token_of(job: Job) -> str:
    """Return the token of the claim under which we run a job."""
    if job.claim is None:
        raise ValueError(f"job {job.id} is not claimed, so nothing can be written for its worker")
    return job.claim.token
