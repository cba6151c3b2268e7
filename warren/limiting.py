"""Taking from a limit inside a task: `await job.limit("github", cost=3)`."""

from __future__ import annotations

from collections.abc import Awaitable, Generator
from types import TracebackType
from typing import Any, Protocol


class LimitPort(Protocol):
    """Where one taking goes; the worker, the tests and a plain call each have their own."""

    def wait(self) -> Awaitable[None]:
        """Return once the taking may be used."""

    def correct(self, difference: float) -> None:
        """Charge so much more than was said, or less if it is negative."""

    def ended(self, error: BaseException | None) -> None:
        """Take how the call went for which this was taken."""


class Lease:
    """Something taken from a limit; in a `def` task it is there at once, else await it.

    As a context manager it tells the limit how the call inside went: RateLimited slows
    everybody down, a connection error counts for the circuit breaker.
    """

    __slots__ = ("_port", "cost", "limit")

    def __init__(self, limit: str, cost: float, port: LimitPort) -> None:
        self.limit = limit
        self.cost = cost
        self._port = port

    def correct(self, actual: float) -> None:
        """Say what the call really cost, in tokens, once that is known."""
        if not 0 <= actual < 1e9:
            raise ValueError(f"correct({actual!r}): it must be a number of tokens, 0 or more")
        difference, self.cost = actual - self.cost, float(actual)
        if difference:
            self._port.correct(difference)

    def __await__(self) -> Generator[Any, None, Lease]:
        yield from self._port.wait().__await__()
        return self

    async def __aenter__(self) -> Lease:
        return await self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._port.ended(error)

    def __enter__(self) -> Lease:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._port.ended(error)


class Unlimited:
    """A port that lets everybody pass, for a task that is called as the function it is."""

    async def wait(self) -> None:
        """Return at once."""

    def correct(self, difference: float) -> None:
        """Drop the correction."""

    def ended(self, error: BaseException | None) -> None:
        """Drop the outcome."""
