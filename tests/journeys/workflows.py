"""What the journeys of workflows share: submitting one, and looking at it."""

from typing import Any

from tests.eventually import eventually
from tests.journeys.service import Document, Service

DOUBLE = "try.double"


def double(number: Any, **fields: Any) -> Document:
    """Return a node that doubles a number."""
    return {"task": DOUBLE, "input": {"number": number}, **fields}


def shows(what: Any, **fields: Any) -> Document:
    """Return a node that returns what it is given."""
    return {"task": "try.shows", "input": {"what": what}, **fields}


def fails(**fields: Any) -> Document:
    """Return a node that fails."""
    return {"task": "try.flaky", "input": {"failures": 99}, **fields}


async def submit(service: Service, nodes: Document, **fields: Any) -> Document:
    """Submit a workflow and return it as the gateway answered."""
    answer = await service.http.post("/v1/workflows", json={"nodes": nodes, **fields})
    assert answer.status_code == 202, answer.text
    view: Document = answer.json()
    return view


async def end_of(service: Service, workflow_id: str, *, within: float = 20) -> Document:
    """Return a workflow once it has ended."""
    answer = await service.http.get(
        f"/v1/workflows/{workflow_id}", headers={"Prefer": f"wait={within:g}"}, timeout=within + 10
    )
    view: Document = answer.json()
    assert view.get("done"), f"not ended within {within} s: {view}"
    return view


async def run(service: Service, nodes: Document, *, within: float = 20, **fields: Any) -> Document:
    """Submit a workflow and return it once it has ended."""
    return await end_of(service, (await submit(service, nodes, **fields))["id"], within=within)


async def refusal(service: Service, nodes: Document, **fields: Any) -> list[Document]:
    """Submit a workflow that is refused; return its faults."""
    answer = await service.http.post("/v1/workflows", json={"nodes": nodes, **fields})
    assert answer.status_code == 422, answer.text
    problem = answer.json()
    assert problem["type"] == "/problems/invalid-workflow"
    errors: list[Document] = problem["errors"]
    return errors


async def steer(service: Service, workflow_id: str, what: str, **body: Any) -> Document:
    """Ask for something that is granted; return the workflow once it has ended again."""
    answer = await service.http.post(
        f"/v1/workflows/{workflow_id}/{what}",
        json=body or None,
        headers={"Prefer": "wait=20"},
        timeout=30,
    )
    assert answer.status_code == 200, answer.text
    view: Document = answer.json()
    return view


async def until_status(service: Service, workflow_id: str, node: str, status: str) -> Document:
    """Return a node of a workflow once it has this status."""
    found: Document = {}

    async def has_it() -> bool:
        view = (await service.http.get(f"/v1/workflows/{workflow_id}")).json()
        found.update(view["nodes"][node])
        return bool(found["status"] == status)

    await eventually(has_it, within=10)
    return found


def statuses(view: Document) -> dict[str, str]:
    """Return the status of each node."""
    return {path: node["status"] for path, node in view["nodes"].items()}
