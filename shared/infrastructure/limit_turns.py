"""Taking turns from limits: one update of one document, by the database's clock.

The update is the decision of shared/contracts/limits/bucket.py as a pipeline, so that any number
of workers may ask at once without a lock and without reading first. The document keeps the answer
to each worker's newest batch: a batch that is sent again, because nobody knows what became of it,
gets the same answer and takes nothing twice.
"""

from collections.abc import Sequence

from shared.contracts.limits.bucket import PROBE_LASTS_MS, WHOLE_MS, Ask, Turn
from shared.contracts.record import record
from shared.infrastructure.collections import BY_ID, LIMITS
from shared.infrastructure.limit_documents import NOW_MS
from shared.infrastructure.mongo import Database, Document, literal, translated
from shared.infrastructure.writes import find_and_update

_KEPT_MS = 60_000.0  # how long an answer is kept for a worker that asks no more
_STATE = (
    *("full_at", "busy_since", "last_at", "margin"),
    *("held_until", "lined", "line_ends"),
)


@record
class Taken:
    """The answer to a batch: what came of each ask, and how late a start may be."""

    turns: tuple[Turn, ...]
    slack: float  # milliseconds
    spacing: float  # milliseconds from one token to the next
    now: float  # of the database, when it decided


class LimitTurns:
    """Takes turns; each write may be repeated with the same owner and batch."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._limits = database[LIMITS]

    async def take(self, name: str, asks: Sequence[Ask], *, owner: str, batch: str) -> Taken | None:
        """Return what came of the asks, in their order; None if nothing defines this limit.

        `owner` sends one batch at a time for a limit, each under a name that it never had before.
        """
        found = await find_and_update(
            self._database,
            LIMITS,
            {"_id": name},
            _taking(asks, owner=owner, batch=batch),
            shown={f"grants.{owner}": 1, "slack": 1, "spacing": 1},
        )
        return None if found is None else _taken(found, owner)

    async def correct(self, name: str, *, at: float, difference: float) -> None:
        """Charge a turn more than was asked, or give some back; to be sent once.

        Less is given back only as far as no later turn needed it.
        """
        query: Document = {"_id": name}
        if difference < 0:
            query["busy_since"] = {"$lte": at}
        with translated():
            await self._limits.update_one(query, _correcting(at, difference), hint=BY_ID)


def _correcting(at: float, difference: float) -> list[Document]:
    """Return the update for a correction, as `corrected` in the contract has it."""
    if difference >= 0:
        more = {"$multiply": [difference, "$spacing"]}
        return [{"$set": {"full_at": {"$add": ["$full_at", more]}}}]
    wanted = {"$multiply": [-difference, "$spacing"]}
    needed = {"$lt": [at, "$last_at"]}
    less = {"$cond": [needed, {"$min": [wanted, "$margin"]}, wanted]}
    used = {"$cond": [needed, "$_less", 0.0]}
    return [
        {"$set": {"_less": less}},
        {
            "$set": {
                "full_at": {"$subtract": ["$full_at", "$_less"]},
                "margin": {"$subtract": ["$margin", used]},
            }
        },
        {"$unset": "_less"},
    ]


def _taken(found: Document, owner: str) -> Taken:
    grant = found["grants"][owner]
    return Taken(
        turns=tuple(Turn(granted=turn[0], at=turn[1]) for turn in grant["turns"]),
        slack=found["slack"],
        spacing=found["spacing"],
        now=grant["at"],
    )


def _taking(asks: Sequence[Ask], *, owner: str, batch: str) -> list[Document]:
    """Return the update for a batch; one that was answered already is left as it is."""
    decided = {
        "$reduce": {
            "input": literal([_stored(ask) for ask in asks]),
            "initialValue": {**{name: f"${name}" for name in _STATE}, "turns": []},
            "in": _step(),
        }
    }
    fresh = {"$ne": [f"$grants.{owner}.batch", literal(batch)]}
    return [
        {"$set": {"_now": NOW_MS}},
        {"$set": {"_decided": {"$cond": [fresh, decided, None]}}},
        {
            "$replaceWith": {
                "$cond": [{"$eq": ["$_decided", None]}, "$$ROOT", _changed(owner, batch)]
            }
        },
        {"$unset": ["_now", "_decided"]},
    ]


def _changed(owner: str, batch: str) -> Document:
    """Return the document with what was decided, and the answer for its owner."""
    answer = {"batch": literal(batch), "at": "$_now", "turns": "$_decided.turns"}
    recent = {"$gt": ["$$each.v.at", {"$subtract": ["$_now", _KEPT_MS]}]}
    others = {
        "$filter": {
            "input": {"$objectToArray": {"$ifNull": ["$grants", {}]}},
            "as": "each",
            "cond": {"$and": [{"$ne": ["$$each.k", literal(owner)]}, recent]},
        }
    }
    grants = {"$arrayToObject": {"$concatArrays": [others, [{"k": owner, "v": answer}]]}}
    changed: Document = {name: f"$_decided.{name}" for name in _STATE}
    return {"$mergeObjects": ["$$ROOT", {**changed, "grants": grants, "used_at": "$$NOW"}]}


def _stored(ask: Ask) -> Document:
    return {
        "cost": float(ask.cost),
        "ahead": float(ask.ahead),
        "not_before": float(ask.not_before),
        "lead": float(ask.lead),
        "called": ask.called,
    }


def _step() -> Document:
    """Return one ask's step: `$$value` is the state before it, `$$this` the ask."""
    saved = {"$multiply": [{"$max": [0.0, {"$subtract": ["$cap", "$$this.cost"]}]}, "$spacing"]}
    half = {"$divide": ["$slack", 2]}
    lead = {"$max": [0.0, {"$subtract": ["$$this.lead", half]}]}
    at = {
        "$max": [
            {"$add": ["$_now", lead]},
            "$$this.not_before",
            "$$value.held_until",
            {"$subtract": ["$$value.full_at", saved]},
        ]
    }
    may_go = {
        "$and": [
            {"$lte": ["$$at", {"$add": ["$_now", "$$this.ahead"]}]},
            {"$or": ["$$this.called", {"$not": ["$$value.lined"]}]},
        ]
    }
    return {
        "$let": {
            "vars": {"at": at, "lasts": {"$multiply": ["$$this.cost", "$spacing"]}},
            "in": {
                "$cond": [
                    may_go,
                    _granted(),
                    {"$cond": ["$$this.called", _answered(at="$$at"), _in_line()]},
                ]
            },
        }
    }


def _granted() -> Document:
    was_full = {"$lt": ["$$value.full_at", "$$at"]}
    distance = {"$subtract": ["$$value.full_at", "$$at"]}
    again = {"$eq": ["$$value.last_at", "$$at"]}
    margin = {"$cond": [again, "$$value.margin", {"$min": ["$$value.margin", distance]}]}
    state = {
        "full_at": {"$add": [{"$max": ["$$value.full_at", "$$at"]}, "$$lasts"]},
        "busy_since": {"$cond": [was_full, "$$at", "$$value.busy_since"]},
        "last_at": {"$cond": [was_full, "$$at", {"$max": ["$$value.last_at", "$$at"]}]},
        "margin": {"$cond": [was_full, WHOLE_MS, margin]},
        "held_until": {
            "$cond": ["$probing", {"$add": ["$$at", PROBE_LASTS_MS]}, "$$value.held_until"]
        },
    }
    return _answered(at="$$at", granted=True, state=state)


def _in_line() -> Document:
    turn = {"$max": ["$$at", "$$value.line_ends"]}
    ends = {"lined": True, "line_ends": {"$add": ["$$turn", "$$lasts"]}}
    return {"$let": {"vars": {"turn": turn}, "in": _answered(at="$$turn", state=ends)}}


def _answered(*, at: str, granted: bool = False, state: Document | None = None) -> Document:
    turns = {"$concatArrays": ["$$value.turns", [[granted, at]]]}
    return {"$mergeObjects": ["$$value", {**(state or {}), "turns": turns}]}
