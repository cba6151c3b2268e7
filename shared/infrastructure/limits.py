"""Limits in MongoDB: their definitions, and what outcomes make of them. One document a limit.

Changes of a definition and of how a limit stands are compared with `rev`; takes leave it alone, so
neither holds up the other.
"""

from collections.abc import AsyncIterator, Sequence

from pymongo import ASCENDING
from pymongo.errors import DuplicateKeyError

from shared.contracts.limits.definition import Definition
from shared.contracts.limits.names import defaults_of
from shared.contracts.limits.pace import Pace
from shared.contracts.limits.report import Report
from shared.contracts.limits.standing import Standing, heard, pace_now, under
from shared.infrastructure.collections import BY_ID, LIMITS
from shared.infrastructure.limit_documents import (
    NOW_MS,
    Limit,
    defined,
    new_document,
    repaced,
    stood,
    to_limit,
)
from shared.infrastructure.mongo import Database, Document, literal, translated

_ROUNDS = 20
_FIELDS = (
    *("definition", "of", "rev", "spacing", "cap", "slack"),
    *("full_at", "busy_since", "last_at", "margin", "held_until", "probing", "lined", "line_ends"),
    *("level", "breaker", "asked_until", "history"),
)
_SHOWN: Document = {**dict.fromkeys(_FIELDS, 1), "now": NOW_MS}


class Limits:
    """Reads and writes limits. Each write may be repeated."""

    def __init__(self, database: Database) -> None:
        self._limits = database[LIMITS]

    async def get(self, name: str) -> Limit | None:
        """Return a limit, or None if nothing has this name."""
        found = await self.read([name])
        return found[0] if found else None

    async def read(self, names: Sequence[str]) -> list[Limit]:
        """Return those of the limits that there are."""
        return await self._find({"_id": {"$in": list(names)}}, most=len(names))

    async def page(self, *, after: str | None, most: int) -> list[Limit]:
        """Return limits in order of their names, beyond the name `after`."""
        return await self._find({} if after is None else {"_id": {"$gt": after}}, most=most)

    async def lined(self, *, most: int) -> list[Limit]:
        """Return limits in front of which jobs stand in line."""
        return await self._find({"lined": True}, most=most)

    async def put(self, name: str, definition: Definition) -> tuple[Limit, bool]:
        """Define a limit, and those that were made from it if it is a default.

        Returns it, and whether it is new. What was taken stays taken; what was learned
        stays unless the rule that learns has changed.
        """
        limit, created = await self._put(name, definition)
        async for made in self._made_from(name):
            await self._put(made, definition, of=name)
        return limit, created

    async def _put(
        self, name: str, definition: Definition, *, of: str | None = None
    ) -> tuple[Limit, bool]:
        created = False
        for _ in range(_ROUNDS):
            before = await self.get(name)
            if before is None:
                created = await self._insert(new_document(name, definition, of=of))
            elif before.definition == definition and before.of == of:
                return before, created
            elif await self._redefine(before, definition, of=of):
                break
        after = await self.get(name)
        assert after is not None
        return after, created

    async def _redefine(self, before: Limit, definition: Definition, *, of: str | None) -> bool:
        learns_alike = before.definition.learned == definition.learned
        standing = under(definition, before.standing) if learns_alike else Standing()
        fields = defined(definition, standing, of=of)
        gone = [] if of else [{"$unset": "of"}]
        return await self._change(before, fields, pace_now(definition, standing), gone)

    async def make(self, name: str) -> bool:
        """Make a limit from the nearest default; say whether there is one now."""
        defaults = {each.name: each for each in await self.read(defaults_of(name))}
        for default in defaults_of(name):
            if default in defaults:
                await self._insert(
                    new_document(name, defaults[default].definition, of=default) | {"used_at": None}
                )
                return True
        return False

    async def remove(self, name: str) -> bool:
        """Forget a limit, and those made from it; say whether it was there."""
        with translated():
            await self._limits.delete_many({"of": name})
            outcome = await self._limits.delete_one({"_id": name})
        return bool(outcome.deleted_count)

    async def hear(self, name: str, report: Report) -> Limit | None:
        """Note how calls went; return the limit as it stands then, None if it is gone.

        A report that is doubled, because nobody knows what became of it, counts calls twice at
        worst: a fall happens once for all calls that had begun before it.
        """
        for _ in range(_ROUNDS):
            before = await self.get(name)
            if before is None:
                return None
            after = heard(before.definition, before.standing, report, before.now)
            if after == before.standing or await self._stand(before, after):
                return before
        return None

    async def _stand(self, before: Limit, after: Standing) -> bool:
        pace = pace_now(before.definition, after)
        return await self._change(before, stood(before.definition, after), pace)

    async def nobody_in_line(self, limit: Limit) -> bool:
        """Say that no job stands in line any more, unless one has come since `limit` was read."""
        with translated():
            outcome = await self._limits.update_one(
                {"_id": limit.name, "lined": True, "line_ends": limit.bucket.line_ends},
                {"$set": {"lined": False, "line_ends": 0.0}},
                hint=BY_ID,
            )
        return bool(outcome.modified_count)

    async def somebody_in_line(self, name: str, *, until: float = 0.0) -> None:
        """Say that jobs stand in line, the last of them until about then (milliseconds)."""
        with translated():
            await self._limits.update_one(
                {"_id": name}, {"$set": {"lined": True}, "$max": {"line_ends": until}}, hint=BY_ID
            )

    async def _change(
        self, before: Limit, fields: Document, pace: Pace, gone: Sequence[Document] = ()
    ) -> bool:
        said = {name: literal(value) for name, value in fields.items()}
        changes = {**said, **repaced(pace), "rev": before.rev + 1}
        with translated():
            outcome = await self._limits.update_one(
                {"_id": before.name, "rev": before.rev}, [{"$set": changes}, *gone], hint=BY_ID
            )
        return bool(outcome.modified_count)

    async def _insert(self, document: Document) -> bool:
        with translated():
            try:
                await self._limits.insert_one(document)
            except DuplicateKeyError:  # ours, if an earlier try took effect, or somebody else's
                return False
        return True

    async def _made_from(self, name: str) -> AsyncIterator[str]:
        with translated():
            found = await self._limits.find({"of": name}, {"_id": 1}).to_list(None)
        for each in found:
            yield each["_id"]

    async def _find(self, query: Document, *, most: int) -> list[Limit]:
        with translated():
            found = (
                await self._limits.find(query, _SHOWN)
                .sort("_id", ASCENDING)
                .limit(most)
                .to_list(None)
            )
        return list(map(to_limit, found))
