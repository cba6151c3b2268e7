"""The guarded updates that end jobs: one for the plain successes of a claim, one a job otherwise.

Each success has a result of its own, so the shared update looks it up by the job's id. That makes
it a pipeline, in which results stand under `$literal`: a result must never be read as an expression
(docs/decisions/0013).
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from bson.raw_bson import RawBSONDocument

from shared.contracts.job import MOVES, Failure, Job, Move, Progress
from shared.contracts.record import record
from shared.infrastructure.collections import BY_ID
from shared.infrastructure.documents import failure_document
from shared.infrastructure.mongo import Document
from shared.infrastructure.writes import encoded

_MOST_TOGETHER = 100  # jobs in one statement: looking up results is quadratic in this
_LONGEST_SHARED = 16 * 1024  # characters of a result that shares a statement


@record
class End:
    """How one attempt ended the job: with a result (JSON text) or with an error."""

    job: Job
    result: str | None = None
    error: Failure | None = None
    progress: Progress | None = None  # reported and not yet stored

    @property
    def move(self) -> Move:
        """Return the move that this end makes."""
        return Move.FAIL if self.error else Move.SUCCEED


@dataclass(frozen=True, slots=True)
class Statement:
    """One update, and the ends that it stores."""

    ends: tuple[End, ...]
    update: RawBSONDocument


def statements(ends: Sequence[End], *, singly: bool = False) -> Iterator[Statement]:
    """Return the updates that store these ends, each on its own if `singly`."""
    by_token: defaultdict[str, list[End]] = defaultdict(list)
    for end in ends:
        if not singly and _is_plain(end):
            by_token[token_of(end.job)].append(end)
        else:
            yield Statement((end,), encode_end(end))
    for alike in by_token.values():
        for start in range(0, len(alike), _MOST_TOGETHER):
            together = tuple(alike[start : start + _MOST_TOGETHER])
            yield Statement(together, _encode_successes(together))


def encode_end(end: End) -> RawBSONDocument:
    """Return the guarded update for one end."""
    sources, target = MOVES[end.move]
    outcome: Document = (
        {"error": failure_document(end.error)} if end.error else {"result": end.result}
    )
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


def _encode_successes(ends: Sequence[End]) -> RawBSONDocument:
    sources, target = MOVES[Move.SUCCEED]
    ids = [end.job.id for end in ends]
    place = {"$indexOfArray": [{"$literal": ids}, "$_id"]}
    results = {"$literal": [end.result for end in ends]}
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
                        "status": {"$literal": target.value},
                        "finished_at": "$$NOW",
                        "version": {"$add": ["$version", 1]},
                        "result": {"$arrayElemAt": [results, place]},
                    }
                }
            ],
            "multi": True,
            "hint": BY_ID,
        }
    )


def _is_plain(end: End) -> bool:
    return end.result is not None and len(end.result) <= _LONGEST_SHARED and end.progress is None


def held(job: Job) -> Document:
    """Return the filter that matches a job only while our claim on it holds."""
    return {"_id": job.id, "claim.token": token_of(job)}


def token_of(job: Job) -> str:
    """Return the token of the claim under which we run a job."""
    if job.claim is None:
        raise ValueError(f"job {job.id} is not claimed, so nothing can be written for its worker")
    return job.claim.token
