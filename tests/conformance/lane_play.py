"""What tests of lanes do with jobs."""

from collections.abc import Sequence
from typing import Any

from shared.contracts.attempt import Claim
from shared.contracts.gates import in_line
from shared.contracts.ids import new_id
from shared.contracts.job import Job
from shared.infrastructure.collections import LANES
from shared.infrastructure.job_claims import JobClaims
from shared.infrastructure.mongo import Database
from tests.builders import NOON, a_job
from tests.conformance.store import Store


def waiting(*keys: str, **fields: Any) -> Job:
    """A job that stands in line for the first of its keys."""
    fields = {"keys": keys, **in_line(keys), **fields}
    return a_job(id=new_id(NOON), **fields)


async def claimed(database: Database, job: Job, token: str = "t") -> Job:
    claims = JobClaims(database, tasks=["math.add"])
    [won] = await claims.claim([job.id], Claim(token=token, worker="w"))
    return won


async def holders(database: Database, key: str) -> list[str]:
    found = await database[LANES].find_one({"_id": key})
    return [each["job"] for each in found["holders"]] if found else []


async def statuses(store: Store, jobs: Sequence[Job]) -> list[str]:
    return [str((await store.read(job)).status) for job in jobs]
