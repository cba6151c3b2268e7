"""Jobs in a real database: put there as they are wanted, and read back as they lie there."""

from dataclasses import asdict
from typing import Any

from shared.contracts.attempt import Claim
from shared.contracts.job import Job
from shared.infrastructure.collections import JOBS
from shared.infrastructure.documents import from_document, to_document
from shared.infrastructure.job_claims import JobClaims
from shared.infrastructure.mongo import Database, Document
from tests.builders import a_claim, a_job


class Store:
    """Writes and reads jobs without the code under test, and claims them with it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.jobs = database[JOBS]

    async def has(self, *jobs: Job) -> None:
        """Put jobs there just as they are, whatever their status."""
        documents = []
        for job in jobs:
            document = to_document(job)
            document |= {n: asdict(v) for n in ("claim", "error") if (v := getattr(job, n))}
            documents.append(document)
        await self.jobs.insert_many(documents)

    async def has_claimed(self, count: int = 1, **claim: Any) -> list[Job]:
        """Put jobs there and claim them; return them as their worker knows them."""
        waiting = [a_job() for _ in range(count)]
        await self.has(*waiting)
        claims = JobClaims(self.database, tasks=["math.add"])
        won = await claims.claim([job.id for job in waiting], a_claim(**claim))
        assert len(won) == count
        return won

    async def raw(self, job: Job | str) -> Document:
        """Read the stored document of a job."""
        found = await self.jobs.find_one({"_id": job if isinstance(job, str) else job.id})
        assert found is not None
        return found

    async def read(self, job: Job | str) -> Job:
        """Read a job back."""
        return from_document(await self.raw(job))

    async def claim_of(self, job: Job) -> Claim | None:
        """Read who has the job."""
        return (await self.read(job)).claim
