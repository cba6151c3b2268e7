"""Running parts of a workflow again: nodes and jobs go back to where they wait for their parents.

What is to be done is first noted on the graph, by compare-and-set on its version; from then on it
counts, and whoever finds the note finishes it. Each write names the run that it begins or the
version that it saw, so doing it twice changes nothing the second time.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from bson.raw_bson import RawBSONDocument

from shared.contracts.errors import StoreUnavailable
from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.contracts.workflow.bits import all_of
from shared.contracts.workflow.growth import hook_id
from shared.contracts.workflow.redo import parents_after, to_retry
from shared.contracts.workflow.run_if import Parents, Signal, Verdict, verdict
from shared.infrastructure.collections import BY_ID, GRAPHS, JOBS, NODES
from shared.infrastructure.job_moves import encode_move
from shared.infrastructure.mongo import Database, Document, translated
from shared.infrastructure.workflow.again import Again, note_of, read_note, words_for
from shared.infrastructure.workflow.graph_ends import as_graph, ended_as
from shared.infrastructure.workflow.graphs import Graphs
from shared.infrastructure.workflow.inside import Inside
from shared.infrastructure.workflow.rows import STARTED, WAITING, NodeRow, words_of
from shared.infrastructure.writes import encoded, update

_PATIENCE = 5.0  # seconds until the follow-ups of the last ends must be done
_GONE = ("signal", "status", "cause", "ended_at")


class Redone(NamedTuple):
    """What may run now: jobs, and the nodes of these graphs that wait for nobody."""

    jobs: list[Job]
    graphs: list[str]


class Redoing:
    """Notes what is to be run again, and does it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._graphs = database[GRAPHS]
        self._jobs = database[JOBS]
        self._rows = Graphs(database)
        self._inside = Inside(database)

    async def settled(self, workflow_id: str) -> None:
        """Wait for the follow-ups of the last ends, which would count for the new run."""
        give_up = asyncio.get_running_loop().time() + _PATIENCE
        while True:
            with translated():
                found = await self._jobs.find_one(
                    {"workflow_id": workflow_id, "unsettled": True}, {"_id": 1}
                )
            if found is None:
                return
            if asyncio.get_running_loop().time() > give_up:
                raise StoreUnavailable(f"workflow {workflow_id} is still being settled; try again")
            await asyncio.sleep(0.05)

    async def to_retry(self, seed: str) -> Again | None:
        """Return what it means to run again what failed in a graph; None if nothing has."""
        rows = await self._rows.nodes_of(seed)
        failed = [row for row in rows if row.signal in (Signal.FAILED, Signal.FORGIVEN)]
        owners = await self._inside.owners(failed)
        redo = to_retry(as_graph(rows), [ended_as(row) for row in rows], owners=owners)
        if redo is None:
            return None
        return Again(nodes=frozenset(redo.reset) - redo.inside, inside=redo.inside)

    async def note(self, graph: Document, again: Again) -> bool:
        """Say on an ended graph what is to be done; from now on it runs. False: it has changed."""
        run = graph.get("run", 0) + 1
        rows = await self._rows.nodes_of(graph["_id"])
        members = {row.n for row in rows if not row.hook}
        said: Document = {
            "status": "running",
            "unstarted": True,
            "run": run,
            "redo": note_of(again, run),
            "open": words_for(again.touched & members, graph["total"]),
        }
        for kind in ("on_success", "on_failure"):
            said[kind] = [
                {**hook, "job": {**hook["job"], "_id": hook_id(graph["_id"], kind, n, run=run)}}
                for n, hook in enumerate(graph.get(kind, ()))
            ]
        gone = {"finished_at": "", "cause": "", "cancel_at": ""}
        with translated():
            outcome = await self._graphs.update_one(
                {"_id": graph["_id"], "version": graph["version"], "status": graph["status"]},
                {"$set": said, "$unset": gone, "$inc": {"version": 1}},
            )
        return bool(outcome.modified_count)

    async def apply(self, seed: str) -> Redone:
        """Do what is noted on a graph, if anything is; the caller begins it then."""
        graph = await self._rows.graph(seed)
        if graph is None or "redo" not in graph:
            return Redone([], [seed])
        again, run = read_note(graph["redo"])
        rows = await self._rows.nodes_of(seed)
        jobs = await self._ended(row for row in rows if row.n in again.nodes and row.single)
        if not await self._is_noted(seed, run):
            return Redone([], [seed])  # else what we have read may have run since
        await self._reset_nodes(rows, again, run, jobs)
        await self._reset_jobs(rows, again, jobs)
        done = Redone([], [])
        for row in (rows[n] for n in sorted(again.inside)):
            if row.elements is not None:
                done.jobs.extend(await self._inside.open_elements(row, run))
            else:
                await self._retry_grown(row, done)
        with translated():
            await self._graphs.update_one({"_id": seed, "redo.run": run}, {"$unset": {"redo": ""}})
        done.graphs.append(seed)
        return done

    async def _retry_grown(self, row: NodeRow, done: Redone) -> None:
        """Retry the graphs that grew from a job, then let the job wait for them again."""
        for graph in await self._inside.failed_graphs([row.id]):
            again = await self.to_retry(graph["_id"])
            if again is not None and await self.note(graph, again):
                more = await self.apply(graph["_id"])
                done.jobs.extend(more.jobs)
                done.graphs.extend(more.graphs)
        await self._inside.wait_again(row.id)

    async def _ended(self, rows: Iterable[NodeRow]) -> dict[str, Job]:
        found = await self._inside.read([row.id for row in rows])
        return {job.id: job for job in found if job.done}

    async def _is_noted(self, seed: str, run: int) -> bool:
        with translated():
            found = await self._graphs.find_one({"_id": seed, "redo.run": run}, {"_id": 1})
        return found is not None

    async def _reset_nodes(
        self, rows: Sequence[NodeRow], again: Again, run: int, jobs: Mapping[str, Job]
    ) -> None:
        graph = as_graph(rows)
        kept = {row.n: row.signal for row in rows if row.signal and row.n not in again.touched}
        updates: list[RawBSONDocument] = []
        if again.passed is not None:
            kept[again.passed] = Signal.GOOD
            updates.append(_passed(rows[again.passed], run))
        for n in sorted(again.nodes):
            row = rows[n]
            if row.hook and row.single and row.id not in jobs and row.state == STARTED:
                continue  # nobody waits for a hook: this one runs still, for the run before
            known = parents_after(graph, kept, n)
            if n == again.forced:
                updates.append(_reset(row, _as_wished(row, known.total), run, again.edited))
            else:
                updates.append(_reset(row, known, run, None))
        updates += [_within(rows[n], run) for n in sorted(again.inside)]
        await update(self._database, NODES, updates)

    async def _reset_jobs(
        self, rows: Sequence[NodeRow], again: Again, jobs: Mapping[str, Job]
    ) -> None:
        now = datetime.now(UTC)
        moves = []
        for job in jobs.values():
            after = job.held_again(at=now)
            if again.edited and again.forced is not None and job.id == rows[again.forced].id:
                changed = again.edited
                after = replace(after, input=changed["input"], templated=changed["templated"])
            moves.append(encode_move(job, after, at=now))
        await update(self._database, JOBS, moves)
        await self._inside.leave(list(jobs))


def _as_wished(row: NodeRow, total: int) -> Parents:
    """Return parents that let a node run which somebody wants to run, whatever they did."""
    good = Parents.waiting(total).told(all_of(total), Signal.GOOD)
    if verdict(row.run_if, good, hook=row.hook) is Verdict.RUN:
        return good
    return Parents.waiting(total).told(all_of(total), Signal.FAILED)


def _reset(
    row: NodeRow, parents: Parents, run: int, edited: Mapping[str, Any] | None
) -> RawBSONDocument:
    said: Document = {"state": WAITING, "run": run, **words_of("", parents)}
    if edited is not None:
        said["needs"] = edited["needs"]
        if row.job is not None:
            said["job.input"], said["job.templated"] = edited["input"], edited["templated"]
    gone = dict.fromkeys((*_GONE, "elements"), "")
    return _update(row, run, {"$set": said, "$unset": gone})


def _within(row: NodeRow, run: int) -> RawBSONDocument:
    said: Document = {"state": STARTED, "run": run}
    return _update(row, run, {"$set": said, "$unset": dict.fromkeys(_GONE, "")})


def _passed(row: NodeRow, run: int) -> RawBSONDocument:
    said = {"status": Status.SKIPPED.value, "signal": Signal.GOOD.value, "run": run}
    return _update(row, run, {"$set": said, "$unset": {"cause": ""}})


def _update(row: NodeRow, run: int, change: Document) -> RawBSONDocument:
    return encoded({"q": {"_id": row.id, "run": {"$lt": run}}, "u": change, "hint": BY_ID})
