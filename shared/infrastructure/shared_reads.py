"""Reads of single documents that arrive together share one query: group commit, for reads.

The first one goes out at once; what arrives while it is under way collects for the next. A read
never starts before it was asked for, so whoever asks sees at least what was there at that moment.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Generic, TypeVar

Found = TypeVar("Found")


class SharedReads(Generic[Found]):
    """Answers look-ups by id through a function that reads many at once."""

    def __init__(self, read: Callable[[Iterable[str]], Awaitable[Mapping[str, Found]]]) -> None:
        self._read = read
        self._wanted: dict[str, asyncio.Future[Found | None]] = {}
        self._reader: asyncio.Task[None] | None = None

    async def get(self, key: str) -> Found | None:
        """Return what is stored under `key`, or None; raise what reading raised."""
        answer = self._wanted.get(key)
        if answer is None:
            answer = self._wanted[key] = asyncio.get_running_loop().create_future()
        if self._reader is None:
            self._reader = asyncio.create_task(self._read_all_wanted())
        return await asyncio.shield(answer)  # others may wait for the same one

    async def _read_all_wanted(self) -> None:
        try:
            while self._wanted:
                wanted, self._wanted = self._wanted, {}
                await self._answer(wanted)
        finally:
            self._reader = None

    async def _answer(self, wanted: "dict[str, asyncio.Future[Found | None]]") -> None:
        try:
            found = await self._read(wanted)
        except asyncio.CancelledError:
            for answer in wanted.values():
                answer.cancel()
            raise
        except Exception as error:  # noqa: BLE001 -- each caller gets it
            for answer in wanted.values():
                answer.set_exception(error)
                answer.exception()  # a caller that went away must not leave a warning
        else:
            for key, answer in wanted.items():
                answer.set_result(found.get(key))
