"""A worker process whose supervisor is gone: it is asked to stop, and does not stay for ever."""

import asyncio
import sys

from worker.exits import LEASE_LOST

DEAF = """
import asyncio
from worker.stopping import stop_of_this_process

async def main():
    stop = stop_of_this_process(grace_s=0, left_over_s={left_over})
    await stop.asked.wait()
    print("asked", flush=True)
    await asyncio.sleep({busy})  # what cannot be written because MongoDB is gone

asyncio.run(main())
"""


async def orphan(*, left_over: float, busy: float) -> tuple[int | None, bytes]:
    """Start a process, take its supervisor's pipe away, and return how it ended."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", DEAF.format(left_over=left_over, busy=busy)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(30):
            said, _ = await process.communicate(b"")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, said


async def test_a_process_without_a_supervisor_ends_even_if_it_cannot_finish() -> None:
    assert await orphan(left_over=0.2, busy=600) == (LEASE_LOST, b"asked\n")


async def test_a_process_without_a_supervisor_may_finish() -> None:
    assert await orphan(left_over=600, busy=0) == (0, b"asked\n")
