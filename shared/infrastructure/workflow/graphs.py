"""The documents of graphs and nodes: storing a graph, and each guarded step of its life."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from bson.int64 import Int64
from bson.raw_bson import RawBSONDocument
from pymongo import ReturnDocument

from shared.contracts.errors import StoreUnavailable
from shared.contracts.workflow.bits import set_of, to_words
from shared.contracts.workflow.run_if import Parents, Signal
from shared.infrastructure.collections import BY_ID, GRAPHS, JOBS, NODES
from shared.infrastructure.mongo import Database, Document, translated
from shared.infrastructure.workflow.rows import (
    ENDED,
    STARTED,
    WAITING,
    NodeRow,
    node_document,
    node_row,
    tell,
    words_of,
)
from shared.infrastructure.writes import encoded, insert, update

_MOST_AT_ONCE = 1000
_WITHOUT_EDGES = {"edges": 0, "needs": 0}
_WITHOUT_JOB = {"job": 0, "needs": 0, "of": 0}


class Graphs:
    """Reads and changes graphs. Every write may be repeated, and loses against a faster one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._graphs = database[GRAPHS]
        self._nodes = database[NODES]

    async def add_nodes(self, rows: Iterable[NodeRow]) -> None:
        """Store new nodes; those that are there already stay as they are."""
        await insert(self._database, NODES, [encoded(node_document(row)) for row in rows])

    async def add(self, graph: Document, *, members: Iterable[int], total: int) -> None:
        """Store a new graph, all of whose members are open; it counts once it is planted."""
        words = [Int64(word) for word in to_words(set_of(members), total)]
        await insert(self._database, GRAPHS, [encoded({**graph, "open": words})])

    async def plant(self, seed: str) -> None:
        """Note that all of a graph is stored; raise StoreUnavailable if it was swept meanwhile."""
        with translated():
            outcome = await self._graphs.update_one(
                {"_id": seed, "swept": {"$exists": False}}, {"$set": {"planted": True}}
            )
        if not outcome.matched_count:
            raise StoreUnavailable(f"storing the graph {seed} took too long; submit it again")

    async def graph(self, seed: str) -> Document | None:
        """Return the document of a graph."""
        with translated():
            return await self._graphs.find_one({"_id": seed})

    async def joined_to(self, owner: str) -> list[Document]:
        """Return graphs whose results follow that of the job they grew from, in their order."""
        query = {"owner": owner, "join": True, "wait": True}
        with translated():
            return (
                await self._graphs.find(query).sort([("created_at", 1), ("path", 1)]).to_list(None)
            )

    async def nodes(self, ids: Sequence[str], *, waiting: bool = False) -> list[NodeRow]:
        """Return those of the nodes that exist; of those that wait, only what decides on them."""
        return await self._read(ids, _WITHOUT_EDGES if waiting else None, waiting=waiting)

    async def ended(self, ids: Sequence[str]) -> list[NodeRow]:
        """Return what it takes to tell others of the ends of nodes, which are no lists."""
        return await self._read(ids, _WITHOUT_JOB)

    async def _read(
        self, ids: Sequence[str], shown: Document | None, *, waiting: bool = False
    ) -> list[NodeRow]:
        rows: list[NodeRow] = []
        for start in range(0, len(ids), _MOST_AT_ONCE):
            wanted: Document = {"_id": {"$in": list(ids[start : start + _MOST_AT_ONCE])}}
            if waiting:
                wanted["state"] = WAITING
            with translated():
                found = await self._nodes.find(wanted, shown).hint(BY_ID).to_list(None)
            rows += map(node_row, found)
        return rows

    async def node(self, node_id: str) -> NodeRow | None:
        """Return one node whole."""
        with translated():
            found = await self._nodes.find_one({"_id": node_id})
        return None if found is None else node_row(found)

    async def nodes_of(self, graph: str) -> list[NodeRow]:
        """Return all nodes of a graph in declared order."""
        with translated():
            found = await self._nodes.find({"graph": graph}).sort("n").to_list(None)
        return list(map(node_row, found))

    async def all_good(self, graph: str) -> bool:
        """Say whether every member of a graph has ended well."""
        other = {"graph": graph, "signal": {"$ne": Signal.GOOD.value}, "hook": {"$exists": False}}
        with translated():
            return await self._nodes.find_one(other, {"_id": 1}) is None

    async def pass_on(
        self,
        news: Mapping[str, Mapping[Signal, Sequence[int]]],
        ends: Sequence[tuple[str, Document]],
    ) -> None:
        """Tell nodes how parents at some places ended; then note that the parents have.

        In this order: a parent that is not marked as ended tells its children again.
        """
        told = [
            _update({"_id": node}, {"$bit": tell(places, signal)})
            for node, by_signal in news.items()
            for signal, places in by_signal.items()
        ]
        await update(self._database, NODES, told + list(_ended(ends)))

    async def start(self, ids: Sequence[str]) -> None:
        """Note that the jobs of these nodes may run: they wait for nobody any more."""
        for start in range(0, len(ids), _MOST_AT_ONCE):
            with translated():
                await self._nodes.update_many(
                    {"_id": {"$in": list(ids[start : start + _MOST_AT_ONCE])}, "state": WAITING},
                    {"$set": {"state": STARTED}},
                    hint=BY_ID,
                )

    async def expand(self, node: str, count: int, *, run: int) -> NodeRow | None:
        """Note how many elements a node's list has, unless that is known; return the node."""
        words = words_of("", Parents.waiting(count))
        elements: Document = {"total": count, **words, "opened": 0, "run": run}
        with translated():
            await self._nodes.update_one(
                {"_id": node, "elements": {"$exists": False}},
                {"$set": {"elements": elements}},
            )
        return await self.node(node)

    async def tell_of_elements(
        self, node: str, news: Mapping[Signal, Sequence[int]]
    ) -> tuple[NodeRow, int] | None:
        """Note how elements of a node have ended; return the node and how many were opened."""
        bits: Document = {}
        for signal, places in news.items():
            for field, change in tell(places, signal, prefix="elements.").items():
                both = bits.setdefault(field, {"and": change["and"]} if "and" in change else {})
                _merge(both, change)
        with translated():
            found = await self._nodes.find_one_and_update(
                {"_id": node}, {"$bit": bits}, return_document=ReturnDocument.AFTER
            )
        return None if found is None else (node_row(found), found["elements"]["opened"])

    async def opened(self, node: str, count: int) -> None:
        """Note that the first `count` elements may run."""
        with translated():
            await self._nodes.update_one({"_id": node}, {"$max": {"elements.opened": count}})

    async def begun(self, graph: str) -> None:
        """Note that the nodes of a graph that wait for nobody were started."""
        with translated():
            await self._graphs.update_one({"_id": graph}, {"$unset": {"unstarted": "", "held": ""}})

    async def unstarted(self, *, most: int) -> list[str]:
        """Return graphs that were planted and not begun, and that wait for no end of an attempt."""
        return await self._unstarted({"planted": True, "held": None}, most)

    async def unplanted(self, age: timedelta, *, most: int) -> list[str]:
        """Return graphs whose storing began longer ago than `age`, and has not been finished."""
        limit = {"$subtract": ["$$NOW", int(age.total_seconds() * 1000)]}
        old = {"planted": {"$exists": False}, "$expr": {"$lt": ["$created_at", limit]}}
        return await self._unstarted(old, most)

    async def sweep(self, seed: str, *, held: bool = False) -> bool:
        """Remove what there is of a graph that was never planted; say whether there was one.

        With `held` also of one that was, and whose attempt died before it could begin.
        """
        unbegun: list[Document] = [{"planted": {"$exists": False}}]
        unbegun += [{"held": True}] if held else []
        with translated():
            outcome = await self._graphs.update_one(
                {"_id": seed, "$or": unbegun}, {"$set": {"swept": True}}
            )
            if not outcome.matched_count:
                return False
            while ids := await self._some_nodes(seed):
                jobs = self._database[JOBS]
                await jobs.delete_many({"_id": {"$in": ids}, "status": "waiting"}, hint=BY_ID)
                await self._nodes.delete_many({"_id": {"$in": ids}}, hint=BY_ID)
            await self._graphs.delete_one({"_id": seed, "swept": True})
        return True

    async def _some_nodes(self, seed: str) -> list[str]:
        found = (
            await self._nodes.find({"graph": seed}, {"_id": 1}).limit(_MOST_AT_ONCE).to_list(None)
        )
        return [each["_id"] for each in found]

    async def _unstarted(self, which: Document, most: int) -> list[str]:
        with translated():
            found = (
                await self._graphs.find({"unstarted": True, **which}, {"_id": 1})
                .hint("unstarted")
                .limit(most)
                .to_list(None)
            )
        return [each["_id"] for each in found]

    async def close(self, graph: str, members: Sequence[int]) -> bool:
        """Note that members of a graph have ended; say whether none is open any more."""
        with translated():
            found = await self._graphs.find_one_and_update(
                {"_id": graph},
                {"$bit": tell(members, Signal.IDLE)},
                projection={"open": 1},
                return_document=ReturnDocument.AFTER,
            )
        return found is not None and not any(found["open"])

    async def ask_to_cancel(self, workflow_id: str) -> None:
        """Note on all graphs of a workflow that run that somebody wants it to stop."""
        with translated():
            await self._graphs.update_many(
                {"workflow_id": workflow_id, "status": "running", "cancel_at": None},
                {"$currentDate": {"cancel_at": True}, "$inc": {"version": 1}},
            )

    async def end_graph(self, graph: str, said: Document) -> bool:
        """Note how a graph has ended; say whether nobody had done so before."""
        with translated():
            outcome = await self._graphs.update_one(
                {"_id": graph, "status": "running"},
                {"$set": said, "$currentDate": {"finished_at": True}, "$inc": {"version": 1}},
            )
        return bool(outcome.modified_count)


def _ended(ends: Sequence[tuple[str, Document]]) -> Iterator[RawBSONDocument]:
    """Yield the updates that note ends: one for all that are alike, as most are."""
    alike: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for node, said in ends:
        if said.keys() == {"status", "signal"}:
            alike[said["status"], said["signal"]].append(node)
        else:
            yield _update({"_id": node, "state": {"$ne": ENDED}}, _end(said))
    for (status, signal), nodes in alike.items():
        for start in range(0, len(nodes), _MOST_AT_ONCE):
            those = {"_id": {"$in": nodes[start : start + _MOST_AT_ONCE]}, "state": {"$ne": ENDED}}
            yield _update(those, _end({"status": status, "signal": signal}), multi=True)


def _end(said: Document) -> Document:
    return {"$set": {"state": ENDED, **said}, "$currentDate": {"ended_at": True}}


def _merge(into: Document, change: Mapping[str, Any]) -> None:
    for operator, mask in change.items():
        before = into.get(operator, mask)
        into[operator] = Int64(before & mask if operator == "and" else before | mask)


def _update(query: Document, change: Document, *, multi: bool = False) -> RawBSONDocument:
    return encoded({"q": query, "u": change, "multi": multi, "hint": BY_ID})
