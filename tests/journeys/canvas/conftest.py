"""A service of its own for all journeys of the canvas, and the SDK to talk to it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from deploy.local.stack import Stack
from tests.eventually import eventually
from tests.journeys.service import Document, Service, open_service
from warren import AsyncClient, Signature, WorkflowFailed, WorkflowView
from warren.canvas.handle import AsyncWorkflowHandle
from warren.canvas.views import WorkflowError

WITHIN = 20.0  # seconds


@dataclass(frozen=True)
class Canvas:
    """Runs signatures through the SDK, and looks at what became of them."""

    service: Service
    client: AsyncClient

    async def submit(self, part: Signature, *args: Any, **kwargs: Any) -> AsyncWorkflowHandle:
        """Hand in a signature with these arguments."""
        return await self.client.workflows.submit(part.document(*args, **kwargs))

    async def value(self, part: Signature, *args: Any, **kwargs: Any) -> Any:
        """Return what a signature gives."""
        return await (await self.submit(part, *args, **kwargs)).aget(WITHIN)

    async def failure(self, part: Signature) -> WorkflowError:
        """Return why a workflow failed, as it must."""
        handle = await self.submit(part)
        with pytest.raises(WorkflowFailed) as caught:
            await handle.aget(WITHIN)
        assert caught.value.error is not None
        return caught.value.error

    async def ended(self, part: Signature) -> WorkflowView:
        """Return a workflow at its end, whatever that is."""
        return await (await self.submit(part)).wait(WITHIN)

    async def jobs(self, workflow_id: str, **of: Any) -> list[Document]:
        """Return the jobs of a workflow, hooks and what grew included."""
        query = {"workflow_id": workflow_id, **of}
        found: list[Document] = await self.service.database.jobs.find(query).to_list(None)
        return found

    async def all_over(self, workflow_id: str) -> None:
        """Wait until nothing of a workflow is left to run, hooks included."""

        async def none_left() -> bool:
            open_ = {"$in": ["waiting", "queued", "running"]}
            left = await self.jobs(workflow_id, status=open_)
            return not left and not await self.jobs(workflow_id, unsettled=True)

        await eventually(none_left, within=WITHIN)

    async def told(self, part: Signature) -> int:
        """Return how many hooks ran: jobs of `tell` that succeeded."""
        view = await self.ended(part)
        await self.all_over(view.id)
        return len(await self.jobs(view.id, task="sums.tell", status="succeeded"))


@pytest.fixture(scope="session")
async def canvas(stack: Stack) -> AsyncIterator[Canvas]:
    tasks = {"WARREN_TASKS": "tests.journeys.canvas.tasks"}
    async with (
        open_service(stack, "canvas", tasks) as service,
        AsyncClient(service.gateway.url) as client,
    ):
        yield Canvas(service, client)
