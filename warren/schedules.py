"""Schedules, as both clients offer them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from warren import schedule_questions as ask
from warren.handle import AsyncJobHandle, JobHandle
from warren.patience import Patience
from warren.questions import listed
from warren.service_views import FireView, ScheduleView
from warren.talk import Talk

if TYPE_CHECKING:
    from warren.async_client import AsyncClient
    from warren.client import Client
    from warren.task import Task

T = TypeVar("T")


class Hold(Protocol):
    """Holds a conversation for its answer."""

    def __call__(self, talk: Talk[T], /) -> T:
        """What the conversation returns."""


class AsyncHold(Protocol):
    """Holds a conversation for its answer."""

    async def __call__(self, talk: Talk[T], /) -> T:
        """What the conversation returns."""


class Schedules:
    """The schedules of a service: `client.schedules`."""

    def __init__(self, client: Client, hold: Hold) -> None:
        self._client = client
        self._hold = hold

    @property
    def _patience(self) -> Patience:
        return self._client.patience

    def create(
        self, task: Task[..., Any] | str, input: object = None, **fields: Any
    ) -> ScheduleView:
        """Make a schedule: `cron="*/5 * * * *"` or `every_s=30`, `timezone`, `overlap`, ...

        Any field of a submission may stand beside these (`queue`, `priority`, `retry`, ...).
        """
        return self._hold(ask.create(self._patience, task, input, fields))

    def get(self, id: str) -> ScheduleView:
        """Read a schedule."""
        return self._hold(ask.get(self._patience, id))

    def list(self, **filters: Any) -> Iterator[ScheduleView]:
        """All schedules that match, page after page."""
        token: str | None = None
        while True:
            talk = listed(self._patience, "schedules", ScheduleView, filters, token)
            page, token = self._hold(talk)
            yield from page
            if token is None:
                return

    def pause(self, id: str, note: str | None = None) -> ScheduleView:
        """Let it submit nothing, until `resume`; the note says why to whoever looks."""
        return self._hold(ask.pause(self._patience, id, note))

    def resume(self, id: str) -> ScheduleView:
        """Let it submit jobs again."""
        return self._hold(ask.resume(self._patience, id))

    def trigger(self, id: str) -> JobHandle[Any]:
        """Submit one of its jobs now."""
        job = self._hold(ask.trigger(self._patience, id))
        return self._client.handle(job.id, job)

    def preview(self, id: str, n: int = 10) -> Sequence[FireView]:
        """Its next nominal times."""
        return self._hold(ask.preview(self._patience, id, n))

    def backfill(
        self, id: str, since: datetime, until: datetime, overlap: str | None = None
    ) -> int:
        """Submit the jobs of the nominal times after `since` up to `until`; how many these are."""
        return self._hold(ask.backfill(self._patience, id, since, until, overlap))

    def delete(self, id: str) -> None:
        """Forget it; the jobs it has submitted stay."""
        self._hold(ask.delete(self._patience, id))


class AsyncSchedules:
    """The schedules of a service: `client.schedules`, for async code."""

    def __init__(self, client: AsyncClient, hold: AsyncHold) -> None:
        self._client = client
        self._hold = hold

    @property
    def _patience(self) -> Patience:
        return self._client.patience

    async def create(
        self, task: Task[..., Any] | str, input: object = None, **fields: Any
    ) -> ScheduleView:
        """Make a schedule: `cron="*/5 * * * *"` or `every_s=30`, `timezone`, `overlap`, ...

        Any field of a submission may stand beside these (`queue`, `priority`, `retry`, ...).
        """
        return await self._hold(ask.create(self._patience, task, input, fields))

    async def get(self, id: str) -> ScheduleView:
        """Read a schedule."""
        return await self._hold(ask.get(self._patience, id))

    async def list(self, **filters: Any) -> AsyncGenerator[ScheduleView, None]:
        """All schedules that match, page after page."""
        token: str | None = None
        while True:
            talk = listed(self._patience, "schedules", ScheduleView, filters, token)
            page, token = await self._hold(talk)
            for schedule in page:
                yield schedule
            if token is None:
                return

    async def pause(self, id: str, note: str | None = None) -> ScheduleView:
        """Let it submit nothing, until `resume`; the note says why to whoever looks."""
        return await self._hold(ask.pause(self._patience, id, note))

    async def resume(self, id: str) -> ScheduleView:
        """Let it submit jobs again."""
        return await self._hold(ask.resume(self._patience, id))

    async def trigger(self, id: str) -> AsyncJobHandle[Any]:
        """Submit one of its jobs now."""
        job = await self._hold(ask.trigger(self._patience, id))
        return self._client.handle(job.id, job)

    async def preview(self, id: str, n: int = 10) -> Sequence[FireView]:
        """Its next nominal times."""
        return await self._hold(ask.preview(self._patience, id, n))

    async def backfill(
        self, id: str, since: datetime, until: datetime, overlap: str | None = None
    ) -> int:
        """Submit the jobs of the nominal times after `since` up to `until`; how many these are."""
        return await self._hold(ask.backfill(self._patience, id, since, until, overlap))

    async def delete(self, id: str) -> None:
        """Forget it; the jobs it has submitted stay."""
        await self._hold(ask.delete(self._patience, id))
