"""A workflow that was handed in, to be asked about later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from warren.canvas.failures import WorkflowFailed
from warren.canvas.views import WorkflowView
from warren.handle import AsyncJobHandle, JobHandle

if TYPE_CHECKING:
    from warren.canvas.workflows import AsyncWorkflows, Workflows


class WorkflowHandle:
    """A workflow by its id; `workflow` is how it was last seen, if it was."""

    def __init__(self, workflows: Workflows, id: str, workflow: WorkflowView | None = None) -> None:
        self.id = id
        self.workflow = workflow
        self._workflows = workflows

    def refresh(self) -> WorkflowView:
        """Read the workflow anew."""
        self.workflow = self._workflows.get(self.id)
        return self.workflow

    @property
    def status(self) -> str:
        """The status now: asks the service, unless the workflow is known to have ended."""
        return _ended(self.workflow) or self.refresh().status

    def wait(self, timeout: float | None = None) -> WorkflowView:
        """The workflow at its end, however it ended; WorkflowTimeout if that takes longer."""
        if self.workflow is None or not self.workflow.done:
            self.workflow = self._workflows.wait(self.id, timeout)
        return self.workflow

    def get(self, timeout: float | None = None) -> Any:
        """The result, waiting for it; WorkflowFailed if there is none."""
        return result_of(self.wait(timeout))

    async def aget(self, timeout: float | None = None) -> Any:
        """`get` for async code."""
        async with self._workflows.client.async_twin() as twin:
            return await twin.workflows.handle(self.id).aget(timeout)

    def node(self, name: str) -> JobHandle[Any]:
        """The job of a node, by the node's name: its status, its result, its error."""
        return self._workflows.client.handle(_job_of(self.workflow or self.refresh(), name))

    def cancel(self) -> WorkflowView:
        """Cancel every node that has not ended."""
        self.workflow = self._workflows.cancel(self.id)
        return self.workflow

    def retry(self) -> WorkflowView:
        """Run again what failed and all that comes after it; what succeeded is kept."""
        self.workflow = self._workflows.retry(self.id)
        return self.workflow

    def __repr__(self) -> str:
        return f"<workflow {self.id}>"


class AsyncWorkflowHandle:
    """A workflow by its id, for async code; `workflow` is how it was last seen, if it was."""

    def __init__(
        self, workflows: AsyncWorkflows, id: str, workflow: WorkflowView | None = None
    ) -> None:
        self.id = id
        self.workflow = workflow
        self._workflows = workflows

    async def refresh(self) -> WorkflowView:
        """Read the workflow anew."""
        self.workflow = await self._workflows.get(self.id)
        return self.workflow

    async def status(self) -> str:
        """The status now: asks the service, unless the workflow is known to have ended."""
        return _ended(self.workflow) or (await self.refresh()).status

    async def wait(self, timeout: float | None = None) -> WorkflowView:
        """The workflow at its end, however it ended; WorkflowTimeout if that takes longer."""
        if self.workflow is None or not self.workflow.done:
            self.workflow = await self._workflows.wait(self.id, timeout)
        return self.workflow

    async def aget(self, timeout: float | None = None) -> Any:
        """The result, waiting for it; WorkflowFailed if there is none."""
        return result_of(await self.wait(timeout))

    get = aget

    async def node(self, name: str) -> AsyncJobHandle[Any]:
        """The job of a node, by the node's name: its status, its result, its error."""
        job_id = _job_of(self.workflow or await self.refresh(), name)
        return self._workflows.client.handle(job_id)

    async def cancel(self) -> WorkflowView:
        """Cancel every node that has not ended."""
        self.workflow = await self._workflows.cancel(self.id)
        return self.workflow

    async def retry(self) -> WorkflowView:
        """Run again what failed and all that comes after it; what succeeded is kept."""
        self.workflow = await self._workflows.retry(self.id)
        return self.workflow

    def __repr__(self) -> str:
        return f"<workflow {self.id}>"


def result_of(workflow: WorkflowView) -> Any:
    """The result of a workflow that has ended; WorkflowFailed if it has none."""
    if workflow.status != "succeeded":
        raise WorkflowFailed(workflow)
    return workflow.result


def _ended(workflow: WorkflowView | None) -> str | None:
    return workflow.status if workflow is not None and workflow.done else None


def _job_of(workflow: WorkflowView, name: str) -> str:
    if name not in workflow.nodes:
        known = ", ".join(sorted(workflow.nodes)[:20])
        raise KeyError(f"workflow {workflow.id} has no node {name!r}; it has {known}")
    return workflow.nodes[name].id
