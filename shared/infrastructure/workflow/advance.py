"""Moving workflows on: what the ends of jobs mean for the nodes, the graphs and the hooks behind.

Whoever ends a job calls `advance`, and the keeper calls it again if that process died. Every step
may be repeated: sets of parents are emptied bit by bit, jobs are opened by compare-and-set, and ids
follow from where a node stands. Nodes are marked as ended only after their children were told.
"""

import asyncio
from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from functools import cache

from shared.contracts.events import Hint
from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.contracts.workflow.ending import upstream_failure
from shared.contracts.workflow.names import node_id
from shared.contracts.workflow.run_if import Signal, Verdict, signal_of, verdict
from shared.infrastructure.mongo import Database, Document
from shared.infrastructure.workflow.felling import Felled, Felling
from shared.infrastructure.workflow.graph_ends import GraphEnds
from shared.infrastructure.workflow.graphs import Graphs
from shared.infrastructure.workflow.lists import Lists
from shared.infrastructure.workflow.node_jobs import NodeJobs
from shared.infrastructure.workflow.opening import Opening
from shared.infrastructure.workflow.owners import Owners
from shared.infrastructure.workflow.progress import (
    NodeEnd,
    Progress,
    Ring,
    cancelled_list,
    end_of_job,
    note_of_end,
)
from shared.infrastructure.workflow.redoing import Redoing
from shared.infrastructure.workflow.rows import ENDED, WAITING, NodeRow
from shared.infrastructure.workflow.values import Values

_AT_ONCE = 250  # nodes to begin: workers run the first while the others are opened


class Advance:
    """Carries ends of jobs through their workflows."""

    def __init__(self, database: Database, ring: Ring | None = None) -> None:
        self._graphs = Graphs(database)
        self._jobs = NodeJobs(database)
        values = Values(database)
        self._opening = Opening(self._jobs, ring)
        self._lists = Lists(self._graphs, self._jobs, values, self._opening)
        self._graph_ends = GraphEnds(database, values)
        self._owners = Owners(database, self._graph_ends)
        self._redoing = Redoing(database)
        self._felling = Felling(database)

    async def advance(
        self,
        ended: Sequence[Job],
        *,
        taken: Container[str] = frozenset(),
        again: bool = False,
    ) -> Progress:
        """Do what follows from the ends of these jobs; those `taken` run already.

        Of one whose attempt is over and that waits for what grew from it, that is its own end, if
        the last graph has ended already. With `again`, somebody may have died in the middle.
        """
        done = Progress([], [], [], [])
        owners = [job.id for job in ended if not job.done]
        news = await self._ends_of([job for job in ended if job.done], done)
        graphs = {end.row.graph for end in news} if again else ()
        owners += await self.carry(news, done, taken)
        for graph in graphs:
            owners += await self._mend(graph, done)
        await self._complete(owners, done)
        return done

    async def end_nodes(self, ends: Sequence[NodeEnd]) -> Progress:
        """Do what follows from ends of nodes that have no job of their own."""
        done = Progress([], [], [], [])
        await self._complete(await self.carry(list(ends), done), done)
        return done

    async def _complete(self, owners: list[str], done: Progress) -> None:
        """End those of the jobs that wait for nothing any more, and go on with what follows."""
        while owners:
            completed = await self._owners.complete(owners)
            done.add_ended(completed.ended)
            owners = await self.carry(await self._ends_of(completed.ended, done), done)
            for graph in completed.held:
                done.add(await self.begin_again(graph))

    async def _ends_of(self, ended: Sequence[Job], done: Progress) -> list[NodeEnd]:
        """Return what nodes have ended by these ends, and by cancelling what grew from the jobs."""
        felled = await self._felled(ended, done)
        jobs = [job for job in (*ended, *felled.cancelled) if job.workflow_id is not None]
        elements = [job for job in jobs if job.element is not None]
        singles = {job.id: job for job in jobs if job.element is None}
        rows = await self._graphs.ended(list(singles))
        causes = await self._owners.causes(list(singles.values()))
        ends = [end_of_job(row, singles[row.id], causes.get(row.id)) for row in rows]
        ends += [cancelled_list(row) for row in felled.lists]
        return ends + await self._lists.end_elements(elements, done)

    async def _felled(self, ended: Sequence[Job], done: Progress) -> Felled:
        owners = [job for job in ended if job.grown and job.status is Status.CANCELLED]
        felled = await self._felling.fell(owners) if owners else Felled([], [])
        done.add_ended(felled.cancelled)
        return felled

    async def begin(self, graph: str, rows: Sequence[NodeRow]) -> Progress:
        """Start the nodes of a new graph that wait for nobody, and note that it is begun."""
        done = Progress([], [], [], [])
        owners = await self._begin_nodes(rows, done)
        await self._graphs.begun(graph)
        await self._complete(owners, done)
        return done

    async def _begin_first(self, rows: Sequence[NodeRow], done: Progress) -> None:
        """Store and bring those of the jobs that may run at once of which nobody knows yet."""
        for start in range(0, len(rows), _AT_ONCE):
            some = rows[start : start + _AT_ONCE]
            there = {job.id: job.status for job in await self._jobs.read([row.id for row in some])}
            missing = [row for row in some if row.id not in there]
            await self._jobs.add_documents(row.job for row in missing if row.job)
            unheard = [row for row in some if there.get(row.id) is Status.QUEUED]
            await self._opening.bring(missing + unheard, done)

    async def _begin_nodes(self, rows: Sequence[NodeRow], done: Progress) -> list[str]:
        """Start those of the nodes that wait for nobody; return the jobs of graphs that ended."""
        owners: list[str] = []
        for start in range(0, len(rows), _AT_ONCE):
            ends, opened = await self._decide(rows[start : start + _AT_ONCE], done)
            await self._graphs.start(opened)
            owners += await self.carry(ends, done)
        return owners

    async def begin_again(self, graph: str) -> Progress:
        """Start a graph that nobody has begun yet, or part of one that is to run again."""
        redone = await self._redoing.apply(graph)
        done = Progress([], [], [], [])
        done.let_run(redone.jobs)
        for seed in redone.graphs:
            rows = await self._graphs.nodes_of(seed)
            if not rows:  # a graph without nodes has ended already
                await self._complete(await self._close(seed, [], done), done)
            await self._begin_first([row for row in rows if row.is_first], done)
            done.add(await self.begin(seed, [row for row in rows if row.state == WAITING]))
        return done

    async def carry(
        self, ends: list[NodeEnd], done: Progress, taken: Container[str] = frozenset()
    ) -> list[str]:
        """Tell of ends, decide on those who were told, and go on with what ends by that.

        Return the jobs from which the graphs grew that have ended.
        """
        owners: list[str] = []
        while ends:
            news: defaultdict[str, defaultdict[Signal, list[int]]] = defaultdict(_by_signal)
            members: defaultdict[str, list[int]] = defaultdict(list)
            over = {end.row.id for end in ends}  # links of a chain, most of them: told in vain
            id_of = cache(node_id)  # many have the same child
            for end in ends:
                for n, place in zip(end.row.edges[::2], end.row.edges[1::2], strict=True):
                    if (child := id_of(end.row.graph, n)) not in over:
                        news[child][end.signal].append(place)
                if not end.row.hook:
                    members[end.row.graph].append(end.row.n)
            await self._graphs.pass_on(news, [(end.row.id, note_of_end(end)) for end in ends])
            told = await self._graphs.nodes(list(news), waiting=True) if news else []
            ends, opened = await self._decide(told, done, taken)
            closing = [self._close(graph, places, done) for graph, places in members.items()]
            # The next jobs run already: what is left is only noted.
            _, closed = await asyncio.gather(self._graphs.start(opened), asyncio.gather(*closing))
            owners += [owner for each in closed for owner in each]
        return owners

    async def _mend(self, graph: str, done: Progress) -> list[str]:
        """Finish what somebody left who died behind a node without an attempt, as a skipped one.

        It had told its children and was noted as ended: nobody would come by there again.
        """
        rows = await self._graphs.nodes_of(graph)
        over = [row.n for row in rows if row.state == ENDED and not row.hook]
        owners = await self._close(graph, over, done) if over else []
        return owners + await self._begin_nodes([row for row in rows if row.state == WAITING], done)

    async def _close(self, graph: str, members: Sequence[int], done: Progress) -> list[str]:
        """End a graph if these were its last open members; return the job that it grew from."""
        if not await self._graphs.close(graph, members):
            return []
        ended = await self._graph_ends.end(graph)
        done.hints.extend(ended.hints)
        done.let_run(ended.hooks)
        return [ended.owner] if ended.owner else []

    async def _decide(
        self, rows: Iterable[NodeRow], done: Progress, taken: Container[str] = frozenset()
    ) -> tuple[list[NodeEnd], list[str]]:
        """Open, expand or skip nodes; return those that ended by it, and those that were opened."""
        runs: list[NodeRow] = []
        skipped: list[NodeEnd] = []
        ends: list[NodeEnd] = []
        for row in rows:
            decided = verdict(row.run_if, row.parents, hook=row.hook)
            if row.state != WAITING or decided is Verdict.WAIT:
                continue
            if decided is not Verdict.RUN:
                skipped.append(await self._skipped(row, upstream=decided is Verdict.SKIP_UPSTREAM))
            elif row.single:
                runs.append(row)
            elif row.foreach is not None:
                ends += await self._lists.expand(await self._whole(row), done)
            else:
                ends.append(NodeEnd(await self._whole(row), Status.SUCCEEDED, Signal.GOOD))
        if runs:
            await self._opening.open([(row, row.id) for row in runs if row.id not in taken], done)
        await self._skip_jobs(skipped, done)
        return ends + skipped, [row.id for row in runs]

    async def _skip_jobs(self, ends: Sequence[NodeEnd], done: Progress) -> None:
        why = {
            end.row.id: upstream_failure(end.cause) if end.cause else None
            for end in ends
            if end.row.single
        }
        if why:
            await self._jobs.skip(why)
            done.hints.extend(
                Hint(end.row.id, "job.skipped", end.row.task or "", end.row.queue, end.row.tags)
                for end in ends
                if end.row.single
            )

    async def _skipped(self, row: NodeRow, *, upstream: bool) -> NodeEnd:
        signal = signal_of(Status.SKIPPED, upstream=upstream)
        cause = await self._cause_of(row) if upstream else None
        return NodeEnd(await self._whole(row), Status.SKIPPED, signal, cause)

    async def _cause_of(self, row: NodeRow) -> Document | None:
        """Return the error object of the first parent, in declared order, that brought none."""
        bad = row.parents.failed | row.parents.upstream
        place = (bad & -bad).bit_length() - 1
        parent = await self._graphs.node(node_id(row.graph, row.of[place]))
        return parent.cause if parent else None

    async def _whole(self, row: NodeRow) -> NodeRow:
        """Return a row with its edges: what decides on a node is read without them."""
        return await self._graphs.node(row.id) or row


def _by_signal() -> defaultdict[Signal, list[int]]:
    return defaultdict(list)
