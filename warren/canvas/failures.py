"""How waiting for a workflow can end otherwise than with its result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from warren.errors import ClientError

if TYPE_CHECKING:
    from warren.canvas.views import WorkflowView


class WorkflowFailed(ClientError):
    """The workflow ended without a result; `workflow` is its last state, `error` says why."""

    def __init__(self, workflow: WorkflowView) -> None:
        self.workflow = workflow
        self.error = workflow.error
        said = "no error was recorded"
        if (error := workflow.error) is not None:
            where = f"node {error.node}: " if error.node else ""
            said = f"{where}{error.type}: {error.message}"
        super().__init__(f"workflow {workflow.id} {workflow.status}: {said}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.workflow,)


class WorkflowTimeout(ClientError, TimeoutError):
    """The workflow has not ended in the time you gave it; it goes on, and you may ask again."""

    def __init__(self, workflow_id: str, waited_s: float) -> None:
        self.workflow_id = workflow_id
        self.waited_s = waited_s
        super().__init__(
            f"workflow {workflow_id} has not ended within {waited_s:g} s; it goes on, wait again"
            " or cancel it"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.workflow_id, self.waited_s)
