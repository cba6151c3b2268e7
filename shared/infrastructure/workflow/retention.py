"""Forgetting workflows that ended long ago: all that belongs to one goes, or nothing."""

from datetime import UTC, datetime, timedelta

from pymongo import ASCENDING

from shared.contracts.moves import ENDS
from shared.infrastructure.collections import BY_ID, GRAPHS, JOBS, LOGS, NODES, TOMBSTONES
from shared.infrastructure.mongo import Collection, Database, Document, translated
from shared.infrastructure.writes import encoded, insert

MOST = 20
"""How many workflows one call forgets at most."""

_AT_ONCE = 1000
_LOOKED_AT = 100  # the oldest; those whose hooks still run are passed over


class WorkflowRetention:
    """Removes workflows: marked first, so that nobody runs one again, the graph itself last.

    Whoever is cut off in between has left a marked one that the next call removes.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._graphs = database[GRAPHS]
        self._nodes = database[NODES]
        self._jobs = database[JOBS]

    async def forget(self, age: timedelta) -> int:
        """Remove some workflows that ended longer ago than `age`; say how many."""
        forgotten = 0
        for graph in await self._ended_before(age):
            if forgotten < MOST and await self._mark(graph):
                await self._remove(graph["_id"])
                forgotten += 1
        return forgotten

    async def _ended_before(self, age: timedelta) -> list[Document]:
        limit = {"$subtract": ["$$NOW", int(age.total_seconds() * 1000)]}
        query: Document = {
            "root": True,
            "finished_at": {"$type": "date"},
            "$expr": {"$lt": ["$finished_at", limit]},
        }
        shown = {"version": 1, "status": 1, "forgotten": 1}
        with translated():
            return (
                await self._graphs.find(query, shown)
                .hint("finished")
                .sort("finished_at", ASCENDING)
                .limit(_LOOKED_AT)
                .to_list(None)
            )

    async def _mark(self, graph: Document) -> bool:
        """Say that nobody may count on a workflow any more, unless something of it goes on."""
        if graph.get("forgotten"):
            return True
        going_on: Document = {
            "workflow_id": graph["_id"],
            "$or": [{"status": {"$nin": sorted(ENDS)}}, {"unsettled": True}],
        }
        with translated():
            if await self._jobs.find_one(going_on, {"_id": 1}) is not None:
                return False
            outcome = await self._graphs.update_one(
                {"_id": graph["_id"], "version": graph["version"], "status": graph["status"]},
                {"$set": {"forgotten": True}, "$inc": {"version": 1}},
            )
        return bool(outcome.modified_count)

    async def _remove(self, workflow_id: str) -> None:
        await self._bury([workflow_id])
        whose: Document = {"workflow_id": workflow_id}
        while ids := await self._some(self._jobs, whose):
            await self._bury(ids)
            with translated():
                await self._database[LOGS].delete_many({"job_id": {"$in": ids}})
                await self._jobs.delete_many({"_id": {"$in": ids}}, hint=BY_ID)
        while graphs := await self._some(self._graphs, whose | {"root": {"$ne": True}}):
            await self._remove_nodes(graphs)
            with translated():
                await self._graphs.delete_many({"_id": {"$in": graphs}}, hint=BY_ID)
        await self._remove_nodes([workflow_id])
        with translated():
            await self._graphs.delete_one({"_id": workflow_id, "forgotten": True})

    async def _remove_nodes(self, graphs: list[str]) -> None:
        while ids := await self._some(self._nodes, {"graph": {"$in": graphs}}):
            with translated():
                await self._nodes.delete_many({"_id": {"$in": ids}}, hint=BY_ID)

    async def _some(self, collection: Collection, query: Document) -> list[str]:
        with translated():
            found = await collection.find(query, {"_id": 1}).limit(_AT_ONCE).to_list(None)
        return [each["_id"] for each in found]

    async def _bury(self, ids: list[str]) -> None:
        now = datetime.now(UTC)
        await insert(
            self._database, TOMBSTONES, [encoded({"_id": each, "at": now}) for each in ids]
        )
