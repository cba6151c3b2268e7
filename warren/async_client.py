"""The client for async code; `client` has its twin, and `questions` what both say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import httpx2

from warren import bulk, operations, questions
from warren.address import Address
from warren.canvas.workflows import AsyncWorkflows
from warren.errors import Problem
from warren.handle import AsyncJobHandle
from warren.job_view import Event, JobView
from warren.lanes import AsyncLanes
from warren.limits import AsyncLimits
from warren.live import watch_async
from warren.patience import Patience
from warren.schedules import AsyncSchedules
from warren.service_views import ActionView, QueueView, WhyView, WorkerView
from warren.submission import submission_of
from warren.talk import Answer, Call, Pause, Talk
from warren.watching import Watch

if TYPE_CHECKING:
    from warren.task import Task

T = TypeVar("T")


class AsyncClient:
    """Talks to a Warren service; use it in one event loop. Close it, or use `async with`.

    `url` and `api_key` default to WARREN_URL and WARREN_API_KEY. Every request is safe to repeat,
    and is repeated for up to `patience_s` seconds while the service cannot be reached or says
    "not now".
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        patience_s: float = 60.0,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self.address = Address.of(url, api_key)
        self.patience = Patience(patience_s)
        self._http = httpx2.AsyncClient(
            base_url=self.address.url, headers=self.address.headers, transport=transport
        )

    async def submit(
        self,
        task: Task[..., Any] | str,
        input: object = None,
        *,
        wait: float | None = None,
        idempotency_key: str | None = None,
        **fields: Any,
    ) -> AsyncJobHandle[Any]:
        """Hand in a job; `fields` are the submission's (`queue`, `retry`, `run_at`, `tags`, ...).

        Times may be a datetime with a zone, `..._s` fields a timedelta too.
        With `wait`, the answer may come when the job has ended, at most so many seconds later.
        """
        submission = submission_of(task, input, fields)
        talk = questions.submit(self.patience, submission, wait=wait, key=idempotency_key)
        job = await self._hold(talk)
        return self.handle(job.id, job)

    async def submit_many(
        self, submissions: Iterable[Mapping[str, Any]], *, idempotency_key: str | None = None
    ) -> Sequence[AsyncJobHandle[Any] | Problem]:
        """Hand in jobs, each `{"task": ..., "input": ..., ...}`.

        For each, in order: its handle, or the Problem with it. A bad one spoils no other.
        """
        outcomes = await self._hold(
            bulk.submit_many(self.patience, submissions, key=idempotency_key)
        )
        return [o if isinstance(o, Problem) else self.handle(o) for o in outcomes]

    async def get(self, job_id: str) -> JobView:
        """Read a job."""
        return await self._hold(questions.get(self.patience, job_id))

    async def result(self, job_id: str) -> Any:
        """Read a job's result: NotFinished before there is one, JobFailed if there is none."""
        return await self._hold(questions.result(self.patience, job_id))

    async def wait(self, job_id: str, timeout: float | None = None) -> JobView:
        """The job at its end, however it ended; JobTimeout if that takes longer."""
        return await self._hold(questions.wait(self.patience, job_id, timeout))

    async def cancel(self, job_id: str) -> JobView:
        """Cancel a job: it is `cancelled` now, or still `running` and asked to stop.

        AlreadyFinished if it had ended otherwise: that end stands.
        """
        return await self._hold(questions.cancel(self.patience, job_id))

    async def retry(self, job_id: str, input: object = None) -> JobView:
        """Run a job that has ended once more, under the same id; `input` replaces its input."""
        return await self._hold(questions.retry(self.patience, job_id, input))

    async def actions(
        self,
        action: str,
        ids: Iterable[str] | None = None,
        *,
        dry_run: bool = False,
        **filters: Any,
    ) -> ActionView:
        """`cancel`, `retry` or `delete` many jobs: those with these ids, or all that match.

        A dry run only counts them.
        """
        return await self._hold(questions.act(self.patience, action, ids, filters, dry_run=dry_run))

    async def why(self, job_id: str) -> WhyView:
        """Why a job is not running."""
        return await self._hold(questions.why(self.patience, job_id))

    @property
    def limits(self) -> AsyncLimits:
        """The limits: `put`, `get` and `delete`."""
        return AsyncLimits(self, self._hold)

    @property
    def schedules(self) -> AsyncSchedules:
        """The schedules: `create`, `list`, `pause` and the rest."""
        return AsyncSchedules(self, self._hold)

    @property
    def lanes(self) -> AsyncLanes:
        """The lanes of keys: `get`, `list`, `hold`, `resume`, `drain`."""
        return AsyncLanes(self.patience, self._hold)

    @property
    def workflows(self) -> AsyncWorkflows:
        """The workflows: `submit`, `get`, `wait` and the rest."""
        return AsyncWorkflows(self, self._hold)

    async def workers(self) -> Sequence[WorkerView]:
        """The workers, with what they have room for."""
        return await self._hold(operations.workers(self.patience))

    async def drain(self, worker: str) -> WorkerView:
        """Let a worker finish what it runs, take nothing more, and stop."""
        return await self._hold(operations.drain(self.patience, worker))

    async def queues(self) -> Sequence[QueueView]:
        """The queues, and how long they are."""
        return await self._hold(operations.queues(self.patience))

    async def pause(
        self, *, queue: str | None = None, task: str | None = None, why: str | None = None
    ) -> None:
        """Let nothing of a queue, or of a task, begin until it is resumed; what runs goes on."""
        await self._hold(operations.pause(self.patience, queue=queue, task=task, why=why))

    async def resume(self, *, queue: str | None = None, task: str | None = None) -> None:
        """Let the jobs of a queue, or of a task, begin again."""
        await self._hold(operations.resume(self.patience, queue=queue, task=task))

    async def forget_results(
        self,
        *,
        task: str | None = None,
        key: str | None = None,
        input: Mapping[str, Any] | None = None,
        tag: str | None = None,
    ) -> int:
        """Let equal calls run anew; how many cached results are used no more."""
        which = {"task": task, "key": key, "input": input, "tag": tag}
        return await self._hold(operations.forget_results(self.patience, which))

    async def list(self, **filters: Any) -> AsyncGenerator[JobView, None]:
        """All jobs that match (`status`, `task`, `queue`, `tag`, `order`, ...), page after page."""
        token: str | None = None
        while True:
            page, token = await self._hold(questions.page(self.patience, filters, token))
            for job in page:
                yield job
            if token is None:
                return

    def watch(self, job_id: str | None = None, **filters: Any) -> AsyncGenerator[Event, None]:
        """What happens to a job, until its end, or without end to the jobs that match a filter.

        Lost connections are resumed: no end is missed, and none is told twice. The one exception,
        with a filter: a job from before the watch began that starts and ends within such a gap.
        """
        return watch_async(self, Watch.of(job_id, filters, self.address.api_key))

    def handle(self, job_id: str, job: JobView | None = None) -> AsyncJobHandle[Any]:
        """A handle for a job whose id you know."""
        return AsyncJobHandle(self, job_id, job)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _hold(self, talk: Talk[T]) -> T:
        """Hold a conversation: make its calls, sleep its pauses, return what it returns."""
        try:
            step = next(talk)
            while True:
                if isinstance(step, Pause):
                    await asyncio.sleep(step.seconds)
                    step = talk.send(None)
                    continue
                try:
                    answer = await self._make(step)
                except httpx2.RequestError as error:
                    step = talk.throw(self.address.unreachable(error))
                else:
                    step = talk.send(answer)
        except StopIteration as end:
            value: T = end.value
            return value

    async def _make(self, call: Call) -> Answer:
        response = await self._http.request(
            call.method,
            call.path,
            params=dict(call.params),
            headers=dict(call.headers),
            content=call.body,
            timeout=call.timeout_s,
        )
        return Answer(response.status_code, response.headers, response.content)
