"""Room for running jobs in one worker process."""

import asyncio


class Slots:
    """Counts free slots and lets the consumer wait for one."""

    def __init__(self, total: int) -> None:
        self.total = total
        self._taken = 0
        self._changed = asyncio.Event()

    @property
    def free(self) -> int:
        """Return how many jobs may start now."""
        return self.total - self._taken

    @property
    def taken(self) -> int:
        """Return how many jobs have a slot."""
        return self._taken

    def take(self) -> None:
        """Take a slot; the caller has seen that one is free."""
        self._taken += 1

    def release(self) -> None:
        """Give a slot back."""
        self._taken -= 1
        self._changed.set()

    async def wait_for_one(self, patience: float | None = None) -> bool:
        """Return True once a slot is free, False if none was within `patience` seconds."""
        try:
            async with asyncio.timeout(patience):
                while self.free <= 0:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    async def wait_for_one_or(self, other: asyncio.Event) -> None:
        """Return once a slot is free, or something else has happened."""
        free = asyncio.create_task(self.wait_for_one())
        happened = asyncio.create_task(other.wait())
        try:
            await asyncio.wait({free, happened}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            free.cancel()
            happened.cancel()

    async def wait_until_idle(self, patience: float) -> bool:
        """Return True once no job runs, False if some still do after `patience` seconds."""
        try:
            async with asyncio.timeout(patience):
                while self._taken:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True
