"""Limits, as both clients offer them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from warren.job_view import View
from warren.outcome import to_json
from warren.patience import Patience
from warren.problems import problem_of
from warren.questions import path_of, read
from warren.schedules import AsyncHold, Hold
from warren.talk import Call, Talk

if TYPE_CHECKING:
    from warren.async_client import AsyncClient
    from warren.client import Client


class LimitView(View):
    """A named budget that all workers share, and how it stands. Times are aware, in UTC."""

    name: str
    rate: float | None = None
    per_s: float | None = None
    burst: float | None = None
    learned: Mapping[str, Any] | None = None
    room: float | None = None
    waiting: int = 0
    held_until: datetime | None = None
    level: float | None = None
    permitted: float | None = None
    breaker: Mapping[str, Any] | None = None
    history: Sequence[Mapping[str, Any]] = ()


class Limits:
    """The limits of a service: `client.limits`."""

    def __init__(self, client: Client, hold: Hold) -> None:
        self._client = client
        self._hold = hold

    def put(self, name: str, **rule: Any) -> LimitView:
        """Define a limit: `rate=50, per_s=1, burst=10`, or `learned={"base": 10}`; `breaker`."""
        return self._hold(_put(self._client.patience, name, rule))

    def get(self, name: str) -> LimitView:
        """Read a limit."""
        return self._hold(_get(self._client.patience, name))

    def delete(self, name: str) -> None:
        """Forget a limit; jobs that wait for it may run."""
        return self._hold(_delete(self._client.patience, name))


class AsyncLimits:
    """The limits of a service: `client.limits`."""

    def __init__(self, client: AsyncClient, hold: AsyncHold) -> None:
        self._client = client
        self._hold = hold

    async def put(self, name: str, **rule: Any) -> LimitView:
        """Define a limit: `rate=50, per_s=1, burst=10`, or `learned={"base": 10}`; `breaker`."""
        return await self._hold(_put(self._client.patience, name, rule))

    async def get(self, name: str) -> LimitView:
        """Read a limit."""
        return await self._hold(_get(self._client.patience, name))

    async def delete(self, name: str) -> None:
        """Forget a limit; jobs that wait for it may run."""
        return await self._hold(_delete(self._client.patience, name))


def _put(patience: Patience, name: str, rule: Mapping[str, Any]) -> Talk[LimitView]:
    headers = {"Content-Type": "application/json"}
    call = Call("PUT", path_of(name, "limits"), headers=headers, body=to_json(dict(rule)))
    return LimitView.model_validate(read((yield from patience.ask(call))))


def _get(patience: Patience, name: str) -> Talk[LimitView]:
    call = Call("GET", path_of(name, "limits"))
    return LimitView.model_validate(read((yield from patience.ask(call))))


def _delete(patience: Patience, name: str) -> Talk[None]:
    answer = yield from patience.ask(Call("DELETE", path_of(name, "limits")))
    if answer.status >= 300:
        raise problem_of(answer)
