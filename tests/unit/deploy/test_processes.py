"""Children start when they are ready, say why if not, and never outlive us."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from deploy.local.processes import MARK, ChildProcess, StartFailed, kill_marked, marked
from tests.eventually import eventually

SECOND = timedelta(seconds=1)
Make = Callable[[str], ChildProcess]


def lives(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


async def always() -> bool:
    return True


async def never() -> bool:
    return False


def has_said(child: ChildProcess, words: str) -> Callable[[], Awaitable[bool]]:
    async def ready() -> bool:
        return words in child.log.read_text()

    return ready


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    """Children that run a line of shell; all are ended after the test."""
    made: list[ChildProcess] = []

    def child(line: str) -> ChildProcess:
        made.append(
            ChildProcess(
                "the child",
                ["sh", "-c", line],
                environment=dict(os.environ),
                log=tmp_path / "child.log",
                remedy="feed it",
            )
        )
        return made[-1]

    yield child
    for process in made:
        await process.kill_group()


async def test_a_child_that_ends_at_once_shows_its_last_words_and_the_remedy(make: Make) -> None:
    child = make("echo no food; exit 3")

    with pytest.raises(StartFailed) as refusal:
        await child.start(never, SECOND * 10)

    assert "the child ended at once (code 3); feed it" in str(refusal.value)
    assert str(refusal.value).endswith("no food")


async def test_a_child_that_is_never_ready_is_killed(make: Make) -> None:
    child = make("exec sleep 60")

    with pytest.raises(StartFailed, match="not ready after 0 seconds"):
        await child.start(never, SECOND / 5)

    assert not child.running


async def test_a_child_that_will_not_stop_is_killed(make: Make) -> None:
    child = make("trap '' TERM; echo deaf; while :; do sleep 0.1; done")
    await child.start(has_said(child, "deaf"), SECOND * 10)

    await child.stop(patience=SECOND / 5)

    assert await child.ended() == -signal.SIGKILL


async def test_stopping_ends_what_the_child_started_too(make: Make) -> None:
    child = make("sleep 60 & echo started $!; wait")
    await child.start(has_said(child, "started"), SECOND * 10)
    grandchild = int(child.log.read_text().split()[1])

    await child.stop()

    await eventually(lambda: not lives(grandchild))


async def test_a_killed_child_can_be_started_again(make: Make) -> None:
    child = make("exec sleep 60")
    await child.start(always, SECOND)
    first = child.pid

    await child.kill()
    await child.start(always, SECOND)

    assert child.pid != first
    assert not lives(first)


async def test_a_child_dies_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(tmp_path / "log"), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    child = int(await parent.stdout.readline())
    assert lives(child)

    parent.kill()
    await parent.wait()

    await eventually(lambda: not lives(child))


async def test_an_orphan_in_a_session_of_its_own_is_found_by_its_mark(make: Make) -> None:
    mark = f"test-{os.getpid()}"
    child = make(f"{MARK}={mark} setsid sleep 60 & echo started; wait")
    await child.start(has_said(child, "started"), SECOND * 10)
    await eventually(lambda: len(marked(mark)) == 1)
    await child.kill()

    (orphan,) = kill_marked(mark)

    await eventually(lambda: not lives(orphan))


PARENT = """
import asyncio, os, sys
from datetime import timedelta
from pathlib import Path
from deploy.local.processes import ChildProcess

async def main():
    child = ChildProcess(
        "x", ["sleep", "60"], environment=dict(os.environ), log=Path(sys.argv[1]), remedy="x"
    )
    async def ready():
        return True
    await child.start(ready, timedelta(seconds=5))
    print(child.pid, flush=True)
    await child.ended()

asyncio.run(main())
"""
