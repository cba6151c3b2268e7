"""A job that was handed in, to be asked about later."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from warren.errors import JobFailed
from warren.job_view import AttemptView, Event, JobView
from warren.service_views import WhyView

if TYPE_CHECKING:
    from warren.async_client import AsyncClient
    from warren.client import Client

R = TypeVar("R")


class JobHandle(Generic[R]):
    """A job by its id; `job` is how it was last seen, if it was."""

    def __init__(self, client: Client, job_id: str, job: JobView | None = None) -> None:
        self.id = job_id
        self.job = job
        self._client = client

    def refresh(self) -> JobView:
        """Read the job anew."""
        self.job = self._client.get(self.id)
        return self.job

    @property
    def status(self) -> str:
        """The job's status now: asks the service, unless the job is known to have ended."""
        return self.job.status if self.job and self.job.done else self.refresh().status

    @property
    def attempts(self) -> Sequence[AttemptView]:
        """The job's attempts so far, the oldest first; asks like `status`."""
        return self.job.attempts if self.job and self.job.done else self.refresh().attempts

    def wait(self, timeout: float | None = None) -> JobView:
        """The job at its end, however it ended; JobTimeout if that takes longer."""
        if not (self.job and self.job.done):
            self.job = self._client.wait(self.id, timeout)
        return self.job

    def get(self, timeout: float | None = None) -> R:
        """The result, waiting for it; JobFailed if there is none, JobTimeout if it takes longer."""
        return cast("R", result_of(self.wait(timeout)))

    async def aget(self, timeout: float | None = None) -> R:
        """`get` for async code."""
        async with self._client.async_twin() as twin:
            return cast("R", await twin.handle(self.id, self.job).aget(timeout))

    def cancel(self) -> JobView:
        """Cancel the job: it is `cancelled` now, or still `running` and asked to stop.

        AlreadyFinished if it had ended otherwise: that end stands.
        """
        self.job = self._client.cancel(self.id)
        return self.job

    def retry(self, input: object = None) -> JobView:
        """Run the job once more after its end; `input` replaces its input."""
        self.job = self._client.retry(self.id, input)
        return self.job

    def why(self) -> WhyView:
        """Why the job is not running."""
        return self._client.why(self.id)

    def watch(self) -> Generator[Event, None, None]:
        """What happens to the job, pushed, until its end."""
        return self._client.watch(self.id)

    def __repr__(self) -> str:
        return f"<job {self.id}>"


class AsyncJobHandle(Generic[R]):
    """A job by its id, for async code; `job` is how it was last seen, if it was."""

    def __init__(self, client: AsyncClient, job_id: str, job: JobView | None = None) -> None:
        self.id = job_id
        self.job = job
        self._client = client

    async def refresh(self) -> JobView:
        """Read the job anew."""
        self.job = await self._client.get(self.id)
        return self.job

    async def status(self) -> str:
        """The job's status now: asks the service, unless the job is known to have ended."""
        return self.job.status if self.job and self.job.done else (await self.refresh()).status

    async def attempts(self) -> Sequence[AttemptView]:
        """The job's attempts so far, the oldest first; asks like `status`."""
        return self.job.attempts if self.job and self.job.done else (await self.refresh()).attempts

    async def wait(self, timeout: float | None = None) -> JobView:
        """The job at its end, however it ended; JobTimeout if that takes longer."""
        if not (self.job and self.job.done):
            self.job = await self._client.wait(self.id, timeout)
        return self.job

    async def aget(self, timeout: float | None = None) -> R:
        """The result, waiting for it; JobFailed if there is none, JobTimeout if it takes longer."""
        return cast("R", result_of(await self.wait(timeout)))

    get = aget

    async def cancel(self) -> JobView:
        """Cancel the job: it is `cancelled` now, or still `running` and asked to stop.

        AlreadyFinished if it had ended otherwise: that end stands.
        """
        self.job = await self._client.cancel(self.id)
        return self.job

    async def retry(self, input: object = None) -> JobView:
        """Run the job once more after its end; `input` replaces its input."""
        self.job = await self._client.retry(self.id, input)
        return self.job

    async def why(self) -> WhyView:
        """Why the job is not running."""
        return await self._client.why(self.id)

    def watch(self) -> AsyncGenerator[Event, None]:
        """What happens to the job, pushed, until its end."""
        return self._client.watch(self.id)

    def __repr__(self) -> str:
        return f"<job {self.id}>"


def result_of(job: JobView) -> object:
    """The result of a job that has ended; JobFailed if it has none."""
    if job.status != "succeeded":
        raise JobFailed(job)
    return job.result
