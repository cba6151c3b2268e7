"""Workflows, as both clients offer them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from warren.canvas import questions as ask
from warren.canvas.handle import AsyncWorkflowHandle, WorkflowHandle
from warren.canvas.signature import Signature
from warren.canvas.views import WorkflowView
from warren.patience import Patience

if TYPE_CHECKING:
    from warren.async_client import AsyncClient
    from warren.client import Client
    from warren.schedules import AsyncHold, Hold

Workflow = Signature | Mapping[str, Any]
"""A signature, or the document that it would compile to."""


class Workflows:
    """The workflows of a service: `client.workflows`."""

    def __init__(self, client: Client, hold: Hold) -> None:
        self.client = client
        self._hold = hold

    def submit(
        self, workflow: Workflow, *, wait: float | None = None, idempotency_key: str | None = None
    ) -> WorkflowHandle:
        """Hand in a workflow; with `wait` the answer may come when it has ended."""
        talk = ask.submit(self._patience, _document(workflow), wait=wait, key=idempotency_key)
        seen = self._hold(talk)
        return WorkflowHandle(self, seen.id, seen)

    def check(self, workflow: Workflow) -> dict[str, Any]:
        """Have a workflow validated, and its critical path worked out, without running it."""
        return self._hold(ask.check(self._patience, _document(workflow)))

    def get(self, id: str) -> WorkflowView:
        """Read a workflow."""
        return self._hold(ask.get(self._patience, id))

    def wait(self, id: str, timeout: float | None = None) -> WorkflowView:
        """The workflow at its end, however it ended; WorkflowTimeout if that takes longer."""
        return self._hold(ask.wait(self._patience, id, timeout))

    def cancel(self, id: str) -> WorkflowView:
        """Cancel every node that has not ended."""
        return self._hold(ask.cancel(self._patience, id))

    def retry(self, id: str) -> WorkflowView:
        """Run again what failed and all that comes after it; what succeeded is kept."""
        return self._hold(ask.retry(self._patience, id))

    def handle(self, id: str) -> WorkflowHandle:
        """A handle for a workflow whose id you know."""
        return WorkflowHandle(self, id)

    @property
    def _patience(self) -> Patience:
        return self.client.patience


class AsyncWorkflows:
    """The workflows of a service: `client.workflows`, for async code."""

    def __init__(self, client: AsyncClient, hold: AsyncHold) -> None:
        self.client = client
        self._hold = hold

    async def submit(
        self, workflow: Workflow, *, wait: float | None = None, idempotency_key: str | None = None
    ) -> AsyncWorkflowHandle:
        """Hand in a workflow; with `wait` the answer may come when it has ended."""
        talk = ask.submit(self._patience, _document(workflow), wait=wait, key=idempotency_key)
        seen = await self._hold(talk)
        return AsyncWorkflowHandle(self, seen.id, seen)

    async def check(self, workflow: Workflow) -> dict[str, Any]:
        """Have a workflow validated, and its critical path worked out, without running it."""
        return await self._hold(ask.check(self._patience, _document(workflow)))

    async def get(self, id: str) -> WorkflowView:
        """Read a workflow."""
        return await self._hold(ask.get(self._patience, id))

    async def wait(self, id: str, timeout: float | None = None) -> WorkflowView:
        """The workflow at its end, however it ended; WorkflowTimeout if that takes longer."""
        return await self._hold(ask.wait(self._patience, id, timeout))

    async def cancel(self, id: str) -> WorkflowView:
        """Cancel every node that has not ended."""
        return await self._hold(ask.cancel(self._patience, id))

    async def retry(self, id: str) -> WorkflowView:
        """Run again what failed and all that comes after it; what succeeded is kept."""
        return await self._hold(ask.retry(self._patience, id))

    def handle(self, id: str) -> AsyncWorkflowHandle:
        """A handle for a workflow whose id you know."""
        return AsyncWorkflowHandle(self, id)

    @property
    def _patience(self) -> Patience:
        return self.client.patience


def _document(workflow: Workflow) -> Mapping[str, Any]:
    return workflow.document() if isinstance(workflow, Signature) else workflow
