"""The supervisor: who dies is replaced and its jobs are freed; who refuses ends it all."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from shared.contracts.errors import BadSetting
from shared.contracts.ids import is_id
from tests.eventually import eventually
from worker import supervisor as supervisor_module
from worker.exits import BAD_SETTING
from worker.supervisor import Supervisor

# A worker process that only writes down its process id under the id it was given.
BIRTH = """
import os, pathlib, signal, sys, time
folder, worker = pathlib.Path(sys.argv[1]), sys.argv[2]
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
(folder / worker).write_text(str(os.getpid()))
"""
WAITS = "time.sleep(60)"
DIES = "os._exit(9)"
REFUSES = f"os._exit({BAD_SETTING})"
IGNORES_SIGNALS = """
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
time.sleep(60)
"""
HURRIES_ONLY = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGINT, lambda *_: os._exit(0))
time.sleep(60)
"""


class House:
    """A supervisor of tiny processes, and what became of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.dead: list[str] = []
        self.replaces = True

    def supervisor(self, body: str, *, processes: int, grace_s: float) -> Supervisor:
        async def died(worker: str) -> bool:
            self.dead.append(worker)
            return self.replaces

        command = [sys.executable, "-c", BIRTH + body, str(self.folder)]
        return Supervisor(processes=processes, grace_s=grace_s, on_death=died, command=command)

    def born(self) -> dict[str, int]:
        """The workers so far, in the order of their birth, with their process ids."""
        texts = {path.name: path.read_text() for path in sorted(self.folder.iterdir())}
        return {worker: int(text) for worker, text in texts.items() if text}


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


Supervise = Callable[..., AbstractAsyncContextManager[Supervisor]]


@pytest.fixture
def supervising(house: House) -> Supervise:
    """Runs a supervisor, and stops it in the end."""

    @asynccontextmanager
    async def supervise(
        body: str = WAITS, *, processes: int = 1, grace_s: float = 5
    ) -> AsyncIterator[Supervisor]:
        supervisor = house.supervisor(body, processes=processes, grace_s=grace_s)
        running = asyncio.create_task(supervisor.run())
        try:
            yield supervisor
        finally:
            supervisor.stop()
            async with asyncio.timeout(20):
                await running

    return supervise


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_each_process_gets_an_id_of_its_own_and_is_stopped_in_the_end(
    house: House, supervising: Supervise
) -> None:
    async with supervising(processes=2):
        await eventually(lambda: len(house.born()) == 2)
        assert all(is_id(worker) for worker in house.born())
        assert len(set(house.born().values())) == 2
    assert not any(map(is_alive, house.born().values()))
    assert house.dead == []  # who stops when asked holds no jobs


async def test_a_process_that_is_killed_is_replaced_under_a_new_id_and_its_jobs_are_freed(
    house: House, supervising: Supervise
) -> None:
    async with supervising():
        await eventually(house.born)
        [(first, pid)] = house.born().items()
        os.kill(pid, signal.SIGKILL)
        await eventually(lambda: len(house.born()) == 2)
        assert house.dead == [first]
    assert house.dead == [first]


async def test_a_process_that_keeps_dying_is_restarted_more_and_more_slowly(
    house: House, supervising: Supervise
) -> None:
    loop = asyncio.get_running_loop()
    async with supervising(DIES):
        await eventually(lambda: len(house.dead) >= 2)
        since = loop.time()
        await eventually(lambda: len(house.dead) >= 3)
        assert loop.time() - since > 0.15  # the third pause is four times the first
    assert house.dead == list(house.born())[: len(house.dead)]


async def test_one_that_dies_leaves_the_others_alone(house: House, supervising: Supervise) -> None:
    async with supervising(processes=2):
        await eventually(lambda: len(house.born()) == 2)
        first, second = house.born().values()
        os.kill(first, signal.SIGKILL)
        await eventually(lambda: len(house.born()) == 3)
        assert is_alive(second)


async def test_processes_that_refuse_their_settings_end_the_supervisor(house: House) -> None:
    supervisor = house.supervisor(REFUSES, processes=2, grace_s=5)
    with pytest.raises(ExceptionGroup) as refused:
        async with asyncio.timeout(20):
            await supervisor.run()
    assert refused.group_contains(BadSetting, match="refuse to start")
    assert house.dead == []


async def test_a_process_that_ignores_the_signal_is_killed_after_its_grace(
    house: House, supervising: Supervise
) -> None:
    async with supervising(IGNORES_SIGNALS, grace_s=-4.8):  # five seconds are always on top
        await eventually(house.born)
        [(worker, pid)] = house.born().items()
        await asyncio.sleep(0.1)
    assert not is_alive(pid)
    assert house.dead == [worker]


async def test_asked_again_it_tells_its_processes_to_hurry(
    house: House, supervising: Supervise
) -> None:
    async with supervising(HURRIES_ONLY, grace_s=60) as supervisor:
        await eventually(house.born)
        supervisor.stop()
        supervisor.stop()
    assert house.dead == []  # it ended by itself, and so has handed its jobs back


async def test_asked_again_it_kills_who_does_not_hurry_and_frees_its_jobs(
    house: House, supervising: Supervise, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor_module, "_HURRY", 0.1)
    async with supervising(IGNORES_SIGNALS, grace_s=60) as supervisor:
        await eventually(house.born)
        supervisor.stop()
        supervisor.stop()
    assert house.dead == list(house.born())


async def test_a_process_that_dies_while_it_drains_is_not_replaced(
    house: House, supervising: Supervise
) -> None:
    house.replaces = False
    async with supervising():
        await eventually(house.born)
        [(worker, pid)] = house.born().items()
        os.kill(pid, signal.SIGKILL)
        await eventually(lambda: house.dead == [worker])
        await asyncio.sleep(0.3)  # three times the pause before a restart
    assert list(house.born()) == [worker]
