"""Lanes, as both clients offer them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from typing import Any

from warren import lane_questions as ask
from warren.patience import Patience
from warren.questions import listed
from warren.schedules import AsyncHold, Hold
from warren.service_views import LaneView


class Lanes:
    """The lanes of a service: `client.lanes`."""

    def __init__(self, patience: Patience, hold: Hold) -> None:
        self._patience = patience
        self._hold = hold

    def get(self, key: str) -> LaneView:
        """Read who has a key and who waits for it."""
        return self._hold(ask.get(self._patience, key))

    def list(self, **filters: Any) -> Iterator[LaneView]:
        """All lanes in use, page after page; `held=True` for those that are held."""
        token: str | None = None
        while True:
            talk = listed(self._patience, "lanes", LaneView, filters, token)
            page, token = self._hold(talk)
            yield from page
            if token is None:
                return

    def hold(self, key: str, note: str | None = None) -> LaneView:
        """Let nobody in until `resume`; the note says why to whoever asks."""
        return self._hold(ask.steer(self._patience, key, "hold", note))

    def resume(self, key: str) -> LaneView:
        """Let jobs in again."""
        return self._hold(ask.steer(self._patience, key, "resume", None))

    def drain(self, key: str, note: str | None = None) -> LaneView:
        """Cancel what stands in line; what has the key goes on."""
        return self._hold(ask.steer(self._patience, key, "drain", note))


class AsyncLanes:
    """The lanes of a service: `client.lanes`, for async code."""

    def __init__(self, patience: Patience, hold: AsyncHold) -> None:
        self._patience = patience
        self._hold = hold

    async def get(self, key: str) -> LaneView:
        """Read who has a key and who waits for it."""
        return await self._hold(ask.get(self._patience, key))

    async def list(self, **filters: Any) -> AsyncGenerator[LaneView, None]:
        """All lanes in use, page after page; `held=True` for those that are held."""
        token: str | None = None
        while True:
            talk = listed(self._patience, "lanes", LaneView, filters, token)
            page, token = await self._hold(talk)
            for each in page:
                yield each
            if token is None:
                return

    async def hold(self, key: str, note: str | None = None) -> LaneView:
        """Let nobody in until `resume`; the note says why to whoever asks."""
        return await self._hold(ask.steer(self._patience, key, "hold", note))

    async def resume(self, key: str) -> LaneView:
        """Let jobs in again."""
        return await self._hold(ask.steer(self._patience, key, "resume", None))

    async def drain(self, key: str, note: str | None = None) -> LaneView:
        """Cancel what stands in line; what has the key goes on."""
        return await self._hold(ask.steer(self._patience, key, "drain", note))
