"""Group commit: what arrives during a write goes into the next, and everyone learns of its own."""

import asyncio

import pytest

from shared.contracts.errors import StoreUnavailable
from shared.infrastructure.batching import GroupCommit
from tests.eventually import eventually


class Disk:
    """Writes batches, as slowly and as badly as the test wants."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.fails: list[Exception] = []
        self.open = asyncio.Event()
        self.open.set()

    async def write(self, batch: list[int]) -> None:
        self.batches.append(batch)
        await self.open.wait()
        if self.fails:
            raise self.fails.pop(0)


@pytest.fixture
def disk() -> Disk:
    return Disk()


async def test_what_arrives_together_is_written_together_and_in_order(disk: Disk) -> None:
    async with GroupCommit[int](disk.write).running() as commit:
        await asyncio.gather(*(commit.put(number) for number in range(50)))
    assert disk.batches == [list(range(50))]


async def test_what_arrives_during_a_write_goes_into_the_next(disk: Disk) -> None:
    disk.open.clear()
    async with GroupCommit[int](disk.write).running() as commit:
        first = commit.put(1)
        await eventually(lambda: disk.batches)
        others = [commit.put(2), commit.put(3)]
        assert not first.done()
        disk.open.set()
        await asyncio.gather(first, *others)
    assert disk.batches == [[1], [2, 3]]


async def test_what_has_time_goes_with_the_next_that_has_none(disk: Disk) -> None:
    async with GroupCommit[int](disk.write).running() as commit:
        early = [commit.put(number, within=30) for number in range(3)]
        await asyncio.sleep(0)
        assert disk.batches == []
        await commit.put(3)
        assert all(written.done() for written in early)
    assert disk.batches == [[0, 1, 2, 3]]


async def test_what_has_time_is_written_when_that_is_over(disk: Disk) -> None:
    async with GroupCommit[int](disk.write).running() as commit:
        await asyncio.gather(commit.put(1, within=0.01), commit.put(2, within=30))
    assert disk.batches == [[1, 2]]


async def test_what_has_time_goes_with_what_has_less(disk: Disk) -> None:
    async with GroupCommit[int](disk.write).running() as commit:
        await asyncio.gather(commit.put(1, within=30), commit.put(2, within=0.01))
    assert disk.batches == [[1, 2]]


async def test_what_has_time_is_written_before_the_end(disk: Disk) -> None:
    async with GroupCommit[int](disk.write).running() as commit:
        commit.put(1, within=30)
    assert disk.batches == [[1]]


async def test_no_batch_is_larger_than_asked_for(disk: Disk) -> None:
    async with GroupCommit[int](disk.write, most=10).running() as commit:
        await asyncio.gather(*(commit.put(number) for number in range(25)))
    assert [len(batch) for batch in disk.batches] == [10, 10, 5]


async def test_a_failed_batch_is_told_to_each_of_its_callers_and_to_no_other(disk: Disk) -> None:
    disk.fails = [StoreUnavailable("away")]
    async with GroupCommit[int](disk.write, most=2).running() as commit:
        written = [commit.put(number) for number in range(3)]
        outcomes = await asyncio.gather(*written, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 2 + [type(None)]


async def test_an_unexpected_failure_does_not_end_the_writing(disk: Disk) -> None:
    disk.fails = [ZeroDivisionError()]
    async with GroupCommit[int](disk.write).running() as commit:
        with pytest.raises(ZeroDivisionError):
            await commit.put(1)
        await commit.put(2)


@pytest.mark.parametrize("fails", [False, True])
async def test_a_caller_that_went_away_disturbs_nobody(disk: Disk, fails: bool) -> None:
    disk.open.clear()
    disk.fails = [StoreUnavailable("away")] if fails else []
    async with GroupCommit[int](disk.write).running() as commit:
        gone, stays = commit.put(1), commit.put(2)
        await eventually(lambda: disk.batches)
        gone.cancel()
        disk.open.set()
        [outcome] = await asyncio.gather(stays, return_exceptions=True)
    assert isinstance(outcome, StoreUnavailable) is fails


async def test_what_is_pending_at_the_end_is_still_written(disk: Disk) -> None:
    disk.open.clear()
    async with GroupCommit[int](disk.write, most=1).running() as commit:
        written = [commit.put(number) for number in range(3)]
        assert len(commit) == 3
        asyncio.get_running_loop().call_later(0.01, disk.open.set)
    assert all(each.done() for each in written)
    assert disk.batches == [[0], [1], [2]]
