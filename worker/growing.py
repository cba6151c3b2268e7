"""What tasks let grow from their jobs: checked like any submission, planted, and begun.

Tasks call from the event loop, from threads and, through a pipe, from child processes.
"""

import asyncio
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import orjson

from shared.contracts.catalogue import TaskEntry
from shared.contracts.errors import StoreUnavailable
from shared.contracts.instants import present
from shared.contracts.job import Job
from shared.contracts.moves import Move
from shared.contracts.workflow import faults
from shared.contracts.workflow.drafting import Draft, read_draft
from shared.contracts.workflow.fitting import Fitting
from shared.contracts.workflow.graph import Graph
from shared.contracts.workflow.growth import Plot, replacement_plot, run_of, spawn_plot
from shared.contracts.workflow.names import is_name
from shared.contracts.workflow.reading import read_graph
from shared.infrastructure.end_statements import End
from shared.infrastructure.follow_ups import FollowUps
from shared.infrastructure.logs import get_logger
from shared.infrastructure.task_catalogue import TaskCatalogue
from shared.infrastructure.workflow.growing import (
    REPLACES,
    SPAWNED,
    Growing,
    Grown,
    Growth,
    digest_of,
)
from shared.infrastructure.writes import until_stored
from warren.errors import CannotGrow, Fault, InvalidWorkflow
from warren.growing import Planted, SpawnOptions
from worker.attempt import Attempt
from worker.registry import Registry
from worker.spawning import Spawning

log = get_logger(__name__)

_MOST_ON_THE_LOOP = 300  # nodes; more would hold up others for longer than ten milliseconds


class Grower:
    """Lets graphs grow from the jobs that run here."""

    def __init__(
        self, registry: Registry, catalogue: TaskCatalogue, growing: Growing, follow_ups: FollowUps
    ) -> None:
        self._registry = registry
        self._catalogue = catalogue
        self._growing = growing
        self._follow_ups = follow_ups
        self._entries: dict[str, TaskEntry] = {}
        self._fitting = Fitting()
        self._loop = asyncio.get_running_loop()

    def let_grow(self, attempt: Attempt) -> None:
        """Let the task of an attempt spawn, from this event loop and from any thread."""
        # Not bound to the attempt: that would be a cycle, and garbage that has to be looked for.
        attempt.grow = self._grow

    def _grow(
        self, attempt: Attempt, graph: dict[str, Any], options: SpawnOptions
    ) -> Planted | Awaitable[Planted]:
        number = len(attempt.spawned)
        attempt.spawned.append(options["name"])
        planting = self._spawn(attempt, number, graph, options)
        if _runs_here(self._loop):
            attempt.spawning.append(Spawning(planting))
            return attempt.spawning[-1]
        return asyncio.run_coroutine_threadsafe(planting, self._loop).result()

    async def replaced(self, attempt: Attempt, graph: dict[str, Any]) -> End:
        """Plant what replaces a job; return the end of the attempt, after which it begins."""
        job = attempt.job
        with _said_to_the_task():
            draft = await self._draft(job, graph)
            plot = replacement_plot(job.id, job.node or "", draft.graph, run=run_of(job))
            growth = Growth(job=job, plot=plot, kind=REPLACES, digest=digest_of(graph), wait=True)
            await self._plant(attempt, growth, draft)
        return End(job=attempt.job, verdict=Move.AWAIT)

    async def _spawn(
        self, attempt: Attempt, number: int, graph: dict[str, Any], options: SpawnOptions
    ) -> Planted:
        with _said_to_the_task():
            draft = await self._draft(attempt.job, graph)
            growth = Growth(
                job=attempt.job,
                plot=_plot_of(attempt, number, options["name"]),
                kind=SPAWNED,
                digest=digest_of(graph),
                number=number,
                wait=options["wait"],
                join=options["join"],
                named=options["name"] is not None,
            )
            grown = await self._plant(attempt, growth, draft)
        attempt.waits |= options["wait"]
        if grown.new:
            await self._begin(grown)
        return {"workflow_id": grown.workflow_id, "nodes": grown.jobs}

    async def _plant(self, attempt: Attempt, growth: Growth, draft: Draft) -> Grown:
        if not attempt.marked:
            await attempt.stands()
            attempt.grew_before |= await until_stored(lambda: self._growing.mark(attempt.job))
            attempt.marked = True
            attempt.job = replace(attempt.job, grown=True)
        again = attempt.grew_before
        return await until_stored(lambda: self._growing.plant(growth, draft, again=again))

    async def _begin(self, grown: Grown) -> None:
        """Start what waits for nobody; if that fails, the keeper makes up for it."""
        workflows = self._follow_ups.workflows
        try:
            begun = await (
                workflows.begin(grown.seed, grown.begin)
                if grown.begin
                else workflows.begin_again(grown.seed)
            )
            await self._follow_ups.bring(begun)
        except StoreUnavailable as error:
            log.warning("graph.begins_later", graph=grown.seed, reason=str(error)[:200])

    async def _draft(self, job: Job, value: dict[str, Any]) -> Draft:
        nodes = value.get("nodes")
        large = isinstance(nodes, dict) and len(nodes) > _MOST_ON_THE_LOOP
        graph = await asyncio.to_thread(read_graph, value) if large else read_graph(value)
        read = partial(
            read_draft,
            value,
            graph,
            await self._entries_for(graph),
            self._fitting,
            now=present(),
            above=(job.tags, orjson.loads(job.metadata)),
        )
        return await asyncio.to_thread(read) if large else read()

    async def _entries_for(self, graph: Graph) -> dict[str, TaskEntry]:
        """Return the tasks that we know; those of other workers are looked up when they occur."""
        if not self._entries:
            self._entries = {entry.name: entry for entry in self._registry.entries()}
        nodes = (*graph.nodes, *graph.on_success, *graph.on_failure)
        if any(node.task is not None and node.task not in self._entries for node in nodes):
            declared = await until_stored(self._catalogue.read)
            self._entries = {entry.name: entry for entry in declared} | self._entries
        return self._entries


def _plot_of(attempt: Attempt, number: int, name: str | None) -> Plot:
    job = attempt.job
    if name is not None:
        if not is_name(name) or name.isdigit():
            raise CannotGrow(
                f"{name[:100]!r} cannot name a spawn: use letters, digits and '_', not only digits"
            )
        if attempt.spawned.index(name) != number:
            raise CannotGrow(f"this attempt has spawned two graphs under the name {name!r}")
    return spawn_plot(job.id, job.node or "", name or number, run=run_of(job))


@contextmanager
def _said_to_the_task() -> Iterator[None]:
    """Raise what tasks know in the place of what they do not."""
    try:
        yield
    except faults.InvalidWorkflow as error:
        said: list[Fault] = [{"pointer": f.pointer, "message": f.message} for f in error.faults]
        raise InvalidWorkflow(said) from None
    except (faults.TooDeep, faults.GrewOtherwise, faults.EmptyReplacement) as error:
        raise CannotGrow(str(error)) from None


def _runs_here(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False
