"""Plays a workflow on a real database: claims what may run, ends it as told, moves it on."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson

from shared.contracts.ids import new_id
from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.contracts.workflow.graph import Node
from shared.contracts.workflow.growth import Plot
from shared.contracts.workflow.reading import read_graph
from shared.infrastructure.collections import GRAPHS, JOBS, NODES
from shared.infrastructure.documents import from_document
from shared.infrastructure.end_statements import End
from shared.infrastructure.job_claims import JobClaims
from shared.infrastructure.job_ends import JobEnds
from shared.infrastructure.mongo import Database, Document
from shared.infrastructure.workflow.advance import Advance
from shared.infrastructure.workflow.plans import Plan, plan_of
from shared.infrastructure.workflow.planting import Planting
from shared.infrastructure.workflow.progress import Progress
from shared.infrastructure.workflow.rows import NodeRow
from shared.infrastructure.workflow.values import Values
from tests.builders import a_claim, a_failure

Task = Callable[[Any], Any]
"""What a job does with its input: it returns the result, or raises."""


class Play:
    """One workflow, and everything that its jobs did."""

    def __init__(self, database: Database, does: dict[str, Task]) -> None:
        self.database = database
        self.does = does
        self.advance = Advance(database)
        self.values = Values(database)
        self.ran: list[tuple[str, Any]] = []  # paths and inputs, in order
        self.runnable: list[str] = []
        self.id = ""

    async def submit(self, *, begin: bool = True, **workflow: Any) -> None:
        """Store a workflow and begin it."""
        rows = await Planting(self.database).store(self.plan(**workflow), self._bring)
        if begin:
            self.note(await self.advance.begin(self.id, rows))

    async def _bring(self, first: Sequence[NodeRow]) -> None:
        self.runnable += [row.id for row in first]

    def plan(self, *, at_once: bool = True, **workflow: Any) -> Plan:
        """Return what is to be stored for a workflow."""
        now = datetime.now(UTC)
        self.id = new_id(now)

        def job_of(node: Node, job_id: str) -> Job:
            return Job(id=job_id, task=node.task or "", queue="default", created_at=now)

        return plan_of(
            read_graph(workflow),
            workflow_id=self.id,
            plot=Plot(self.id),
            job_of=job_of,
            now=now,
            said={"root": True},
            at_once=at_once,
        )

    async def run(self, *, twice: bool = False) -> None:
        """Run jobs, those that became runnable last first, until none may run."""
        while self.runnable:
            await self.step(twice=twice)

    async def step(self, *, twice: bool = False, and_then_die: bool = False) -> Job:
        """Run one job and move its workflow on, once more if `twice`."""
        job_id = self.runnable.pop()
        claims = JobClaims(self.database, tasks=sorted(self.does))
        won = await claims.claim([job_id], a_claim(token=job_id))
        if not won:
            return await self.job(job_id)
        end = await self._end(won[0])
        assert await JobEnds(self.database).write([end]) == []
        ended = await self.job(job_id)
        for _ in range(0 if and_then_die else 2 if twice else 1):
            self.note(await self.advance.advance([ended]))
        return ended

    async def job(self, job_id: str) -> Job:
        """Return a job as it is stored."""
        found = await self.database[JOBS].find_one({"_id": job_id})
        assert found is not None
        return from_document(found)

    async def graph(self) -> Document:
        """Return the document of the workflow."""
        found = await self.database[GRAPHS].find_one({"_id": self.id})
        assert found is not None
        return found

    async def statuses(self) -> dict[str, str]:
        """Return how each node has ended."""
        found = await self.database[NODES].find({"graph": self.id}).to_list(None)
        return {row["path"]: str(row.get("status", row["state"])) for row in found}

    async def result(self) -> Any:
        """Return the result of the workflow."""
        graph = await self.graph()
        needs = dict(graph["needs"])
        return await self.values.resolve(self.id, orjson.loads(graph["result"]), needs)

    async def _end(self, job: Job) -> End:
        given = orjson.loads(job.input)
        if job.templated:
            given = await self.values.input_of(job)
        self.ran.append((job.node or "", given))
        try:
            result = self.does[job.task](given)
        except Exception as error:  # noqa: BLE001 -- tasks may raise anything
            failure = replace(a_failure(), type=type(error).__name__, message=str(error))
            return End(job=job, error=failure)
        return End(job=job, result=orjson.dumps(result).decode())

    def note(self, progress: Progress) -> None:
        """Keep what may run now."""
        self.runnable += [each.id for each in progress.runnable]


def succeeded(statuses: dict[str, str]) -> bool:
    """Say whether all nodes did."""
    return set(statuses.values()) == {Status.SUCCEEDED.value}
