"""What tests of lanes ask of a service."""

from pathlib import Path
from typing import Any

from tests.eventually import eventually
from tests.journeys.service import Document, Service


async def lane(service: Service, key: str) -> Document:
    answer = await service.http.get(f"/v1/lanes/{key}")
    assert answer.status_code == 200, answer.text
    told: Document = answer.json()
    return told


async def steer(service: Service, key: str, step: str, **body: Any) -> Document:
    answer = await service.http.post(f"/v1/lanes/{key}/{step}", json=body)
    assert answer.status_code == 200, answer.text
    told: Document = answer.json()
    return told


async def busy(service: Service, key: str, *, seconds: float = 60, **fields: Any) -> Document:
    """Submit a job that has the key for a while; return it once it runs."""
    given = {"customer_id": 0, "order": 0, "ledger": "/dev/null", "seconds": seconds}
    job = await service.submit("lanes.score", given, key=key, **fields)

    async def runs() -> bool:
        return bool((await shown(service, job))["status"] == "running")

    await eventually(runs, within=15)
    return job


async def in_line(service: Service, key: str, count: int) -> None:
    """Wait until so many jobs stand in line for a key."""

    async def are() -> bool:
        return bool((await lane(service, key))["waiting"] == count)

    await eventually(are, within=15)


async def next_in(service: Service, key: str | list[str], **fields: Any) -> Document:
    """Submit a short job for a key."""
    given = {"customer_id": 0, "order": 1, "ledger": "/dev/null"}
    return await service.submit("lanes.score", given, key=key, **fields)


async def shown(service: Service, job: Document) -> Document:
    told: Document = (await service.http.get(f"/v1/jobs/{job['id']}")).json()
    return told


async def cancel(service: Service, job: Document) -> None:
    await service.http.post(f"/v1/jobs/{job['id']}/cancel", headers={"Prefer": "wait=20"})


def order(customer: int, number: int, ledger: Path, **more: Any) -> Document:
    given = {"customer_id": customer, "order": number, "ledger": str(ledger), **more}
    return {"task": "lanes.score", "input": given}
