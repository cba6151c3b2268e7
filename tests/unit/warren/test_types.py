"""What a type checker knows of tasks: this file is checked as well as run."""

from collections.abc import Coroutine
from typing import Any, assert_type

from tests.unit.warren.sample_tasks import add, count
from warren import AsyncJobHandle, JobHandle


async def check() -> None:
    """Never run: `make check` holds it to the types."""
    assert_type(add(1, 4), int)
    assert_type(add.delay(1, 4), JobHandle[int])
    assert_type(add.delay(1, 4).get(), int)
    assert_type(await add.adelay(1), AsyncJobHandle[int])
    assert_type(await (await add.asubmit(1, queue="bulk")).aget(), int)

    # The Job comes first, so it is no part of the call; a result is what the coroutine gives.
    running: Coroutine[Any, Any, int] = count(3)
    assert_type(await running, int)
    assert_type(count.delay(3), JobHandle[int])
    assert_type(await count.adelay(3), AsyncJobHandle[int])
    assert_type(count.submit(3, queue="bulk"), JobHandle[int])

    add.delay("1")  # type: ignore[arg-type]
    add.delay(1, z=4)  # type: ignore[call-arg]


def test_a_checked_call_is_the_call_that_runs() -> None:
    assert add(1, 4) == 5
