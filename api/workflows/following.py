"""Following workflows: waiting for the end of one in the middle of a request."""

from fastapi import Request

from api.waiting import hold
from api.workflows.watching import WatchedWorkflows, WorkflowWatch
from shared.contracts.errors import StoreUnavailable
from shared.infrastructure.workflow.overview import Overview


class Following:
    """Looks at what is watched whenever there may be news."""

    def __init__(self, watched: WatchedWorkflows, overview: Overview) -> None:
        self._watched = watched
        self._overview = overview

    async def wait_for_end(self, request: Request, workflow_id: str, seconds: float) -> None:
        """Return once a workflow has ended, after `seconds`, or when the caller left."""
        async with self._watched.watching(workflow_id) as watch:
            if not await self._has_ended(watch):
                await hold(request, self._end(watch), seconds)

    async def _end(self, watch: WorkflowWatch) -> None:
        ended = False
        while not ended:
            await watch.wait()
            watch.take()
            try:
                ended = await self._has_ended(watch)
            except StoreUnavailable:
                continue  # whoever looks at all that is watched finds that it has changed

    async def _has_ended(self, watch: WorkflowWatch) -> bool:
        found = await self._overview.standing(watch.workflow_id)
        watch.version = found.version
        return found.done
