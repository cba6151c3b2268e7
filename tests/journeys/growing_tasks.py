"""Tasks from whose jobs others grow, in every way that there is."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from warren import CannotGrow, Job, chain, group, task


@task
async def add(x: int, y: int = 1) -> int:
    return x + y


@task
async def total(values: list[int]) -> int:
    return sum(values)


@task
async def same(value: Any) -> Any:
    return value


@task
async def fails(value: Any = None) -> None:
    raise ValueError(f"no to {value}")


@task
async def rests(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "rested"


@task
def waits_for(path: str) -> str:
    while not Path(path).exists():
        time.sleep(0.02)
    return "seen"


@task
async def spawns(job: Job, graph: dict[str, Any], options: dict[str, Any] | None = None) -> Any:
    """Spawns what it is given, and says where it went."""
    spawned = await job.spawn(graph, **(options or {}))
    return {"workflow_id": spawned.workflow_id, "nodes": spawned.nodes}


@task
async def spawns_and_forgets(job: Job, graph: dict[str, Any]) -> str:
    job.spawn(graph)
    return "gone on"


@task
def spawns_in_a_thread(job: Job, graph: dict[str, Any], wait: bool = False) -> dict[str, str]:
    return job.spawn(graph, wait=wait).nodes


@task(process=True)
def spawns_in_a_process(job: Job, graph: dict[str, Any], wait: bool = False) -> dict[str, str]:
    job.progress(1)
    return job.spawn(graph, wait=wait).nodes


@task
async def becomes(job: Job, graph: dict[str, Any]) -> Any:
    raise job.replace_with(graph)


@task
def becomes_in_a_thread(job: Job, x: int) -> int:
    raise job.replace_with(chain(add.s(x), add.s()))


@task(process=True)
def becomes_in_a_process(job: Job, x: int) -> int:
    raise job.replace_with(chain(add.s(x), add.s()))


@task
async def becomes_nothing(job: Job) -> None:
    raise job.replace_with(group())


@task
async def counts_down(job: Job, n: int) -> str:
    """Is replaced by itself, until there is nothing left to count."""
    if n:
        raise job.replace_with(counts_down.si(n - 1))
    return "zero"


@task
async def spawns_down(job: Job, n: int) -> int:
    """Waits for a job that waits for a job."""
    if n:
        await job.spawn(spawns_down.si(n - 1), wait=True)
    return n


@task
async def tries(job: Job, graph: Mapping[str, Any]) -> str:
    """Says why it cannot spawn something, and lives on."""
    try:
        await job.spawn(graph)
    except CannotGrow as error:
        return f"{type(error).__name__}: {error}"
    return "it can"


@task(retry={"max_attempts": 2, "backoff_s": 0})
async def spawns_and_fails_once(job: Job, differs: bool, name: str | None = None) -> int:
    """Spawns in each of two attempts, perhaps something else in the second."""
    await job.spawn(add.s(1, job.attempt if differs else 1), name=name)
    if job.attempt == 1:
        raise ValueError("once")
    return job.attempt


@task
def spawns_and_hangs_once(job: Job, path: str, wait: bool) -> str:
    """Spawns; hangs the first time, so that its worker can be killed; ends the second time."""
    job.spawn(group(add.s(1, 1), add.s(2, 2)), wait=wait)
    if not Path(path).exists():
        Path(path).touch()
        time.sleep(60)
    return "done"


@task
async def joins(job: Job, x: int) -> int:
    """Lets three more take part in what it is a member of."""
    for more in (5, 6, 7):
        await job.spawn(same.s(more), join=True)
    return x


@task
async def joins_with_a_whole(job: Job, x: int) -> int:
    await job.spawn(group(same.s(5), same.s(6), same.s(7)) | total.s(), join=True)
    return x
