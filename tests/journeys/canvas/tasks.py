"""The tasks that workflows of these journeys are made of."""

import asyncio
from typing import Any

from warren import Job, Retry, Signature, chain, group, task
from warren.canvas.document import document_of  # noqa: F401 -- proves that a worker can compose


@task(name="sums.add")
async def add(x: int, y: int) -> int:
    return x + y


@task(name="sums.identity")
async def identity(x: Any) -> Any:
    return x


@task(name="sums.total")
async def total(numbers: list[Any]) -> int:
    return sum(numbers)


@task(name="sums.fail")
async def fail(x: Any = None, after_s: float = 0, said: str = "as it should") -> None:
    await asyncio.sleep(after_s)
    raise ValueError(said)


@task(name="sums.tell")
async def tell(what: Any = None) -> Any:
    """A hook: its jobs are counted."""
    return what


@task(name="sums.now")
async def now() -> int:
    return 1


@task(name="sums.lingers", soft_timeout_s=0.2)
async def lingers(seconds: float) -> int:
    """Takes too long, and makes the best of it."""
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        return 0
    return 1


@task(name="sums.later")
async def later(seconds: float, value: int = 1) -> int:
    await asyncio.sleep(seconds)
    return value


@task(name="sums.flaky", retry={"max_attempts": 3, "backoff_s": 0})
async def flaky(job: Job, x: int) -> int:
    if job.attempt < 2:
        raise Retry
    return x


@task(name="grow.into_chain")
async def into_chain(job: Job, x: int = 42) -> int:
    raise job.replace_with(chain(identity.s(x), identity.s()))


@task(name="grow.plus")
async def plus(job: Job, x: int, y: int) -> int:
    raise job.replace_with(add.s(x, y))


@task(name="grow.into_pair")
async def into_pair(job: Job, x: int) -> list[int]:
    raise job.replace_with(group(add.s(x, 1), identity.s(x)))


@task(name="grow.into_failure")
async def into_failure(job: Job, hooked: bool = False) -> int:
    graph: Signature = chain(now.s(), fail.s())
    raise job.replace_with(graph.on_failure(tell.s()) if hooked else graph)


@task(name="grow.into_hooked")
async def into_hooked(job: Job, x: str) -> str:
    raise job.replace_with(chain(identity.s("Hello "), hello.s()).on_success(tell.s()))


@task(name="grow.hello")
async def hello(x: str) -> str:
    return x + "world"


@task(name="grow.into_nothing")
async def into_nothing(job: Job, x: Any = None) -> None:
    raise job.replace_with(group())


@task(name="grow.joins")
async def joins(job: Job, x: int) -> int:
    """Lets three more take part in the join that it is a member of."""
    for more in (5, 6, 7):
        await job.spawn(identity.s(more), join=True)
    return x


@task(name="grow.joins_whole")
async def joins_whole(job: Job, x: int) -> int:
    """The same with a whole join."""
    await job.spawn(group(identity.s(5), identity.s(6), identity.s(7)) | total.s(), join=True)
    return x


@task(name="grow.produces")
async def produces(job: Job, count: int) -> int:
    """Brings one member of a join after the other, while those before run already."""
    for number in range(count):
        await job.spawn(identity.s(number), join=True)
        await asyncio.sleep(0.05)
    return 0


@task(name="grow.waits")
async def waits(job: Job, seconds: float) -> str:
    """Ends when what it spawned has."""
    await job.spawn(later.s(seconds), wait=True)
    return "done"


@task(name="grow.hands_over")
async def hands_over(job: Job) -> dict[str, str]:
    """Spawns a workflow, and returns where it is."""
    spawned = await job.spawn(group(add.s(1, 1), group(add.s(2, 2)) | identity.s()))
    return {"workflow_id": spawned.workflow_id, **spawned.nodes}
