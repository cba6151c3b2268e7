"""Taking from limits inside a task, as its author sees it."""

from typing import Any

import pytest

from warren import Job, task
from warren.limiting import Lease
from warren.rehearsal import arun_task


class Port:
    """Hears what a lease says."""

    def __init__(self) -> None:
        self.said: list[Any] = []

    async def wait(self) -> None:
        self.said.append("waited")

    def correct(self, difference: float) -> None:
        self.said.append(difference)

    def ended(self, error: BaseException | None) -> None:
        self.said.append(error)


async def test_a_lease_is_awaited_corrected_and_tells_how_its_call_went() -> None:
    port = Port()
    async with Lease("api", 2, port) as lease:
        lease.correct(5)
        lease.correct(5)
        lease.correct(1)
    assert port.said == ["waited", 3, -4, None]
    assert lease.cost == 1


def test_in_a_thread_a_lease_is_there_already_and_hears_of_errors() -> None:
    port, error = Port(), ConnectionResetError()
    with pytest.raises(ConnectionResetError), Lease("api", 1, port):
        raise error
    assert port.said == [error]


@pytest.mark.parametrize("actual", [-1, float("nan"), 1e12])
def test_a_cost_that_is_no_number_of_tokens_is_refused(actual: float) -> None:
    with pytest.raises(ValueError, match="it must be a number of tokens"):
        Lease("api", 1, Port()).correct(actual)


@task(limits=[("api", 1), "plain", {"name": "third", "cost": 2}])
async def limited(job: Job, url: str) -> float:
    """Take from a limit."""
    lease = await job.limit("api", cost=3)
    job.outage()
    return lease.cost


async def test_a_rehearsal_lets_everything_pass() -> None:
    outcome = await arun_task(limited, {"url": "x"})
    assert outcome.result == 3


async def test_a_task_that_is_called_as_a_function_passes_too() -> None:
    assert await limited("x") == 3


def test_limits_of_a_task_are_told_as_the_service_reads_them() -> None:
    assert limited.limits == [
        {"name": "api", "cost": 1},
        {"name": "plain", "cost": 1},
        {"name": "third", "cost": 2},
    ]


@pytest.mark.parametrize("limits", ["api", {"api": 1}, 5])
def test_limits_that_are_no_list_are_refused(limits: Any) -> None:
    with pytest.raises(TypeError, match=r"write limits=\[\('github', 1\)\]"):
        task(name="wrong", limits=limits)(lambda: None)


@pytest.mark.parametrize("limit", [("a/b", 1), ("", 1), ("api", 0), ("api", "x"), (5, 1)])
def test_a_limit_that_makes_no_sense_is_refused(limit: Any) -> None:
    with pytest.raises(ValueError, match="limit"):

        @task(limits=[limit])
        async def wrong() -> None:
            """Never declared."""
