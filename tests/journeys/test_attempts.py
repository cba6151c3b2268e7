"""Jobs that fail, rest, take too long or are cancelled: every attempt stays on the job."""

import time
from pathlib import Path
from typing import Any

import pytest

from tests.eventually import eventually
from tests.journeys.service import Document, Service

QUICKLY = {"max_attempts": 3, "backoff_s": 0.1, "jitter": False}
THREE_WAYS = ["try.listens", "try.looks", "try.works"]
"""On the event loop, in a thread, in a process; each tidies up when it is told."""


def outcomes(job: Document) -> list[str]:
    """How each attempt went, the first one first."""
    return [attempt["outcome"] for attempt in job["attempts"]]


async def test_a_job_that_fails_is_tried_again_until_it_succeeds(service: Service) -> None:
    job = await service.run("try.flaky", {"failures": 2}, retry=QUICKLY)
    assert (job["status"], job["result"], job["attempt"]) == ("succeeded", [3, 3], 3)
    assert outcomes(job) == ["failed", "failed", "succeeded"]
    first, second, last = job["attempts"]
    assert first["error"]["message"] == "attempt 1 failed"
    assert second["error"]["type"] == "ConnectionError"
    assert {each["worker"] for each in job["attempts"]} == {last["worker"]}


async def test_a_job_that_keeps_failing_ends_with_its_last_error(service: Service) -> None:
    job = await service.run("try.flaky", {"failures": 99}, retry=QUICKLY)
    assert (job["status"], job["attempt"]) == ("failed", 3)
    assert outcomes(job) == ["failed"] * 3
    assert (job["error"]["message"], job["error"]["attempt"]) == ("attempt 3 failed", 3)


async def test_between_two_attempts_a_job_waits_and_says_until_when(service: Service) -> None:
    job = await service.submit(
        "try.flaky", {"failures": 1}, retry={"backoff_s": 2, "jitter": False}
    )

    async def waiting() -> Document | None:
        seen: Document = (await service.http.get(f"/v1/jobs/{job['id']}")).json()
        return seen if seen["status"] == "waiting" else None

    seen = await eventually(waiting)
    [gate] = seen["waiting_for"]
    assert (gate["gate"], gate["because"]) == ("time", "retry")
    assert seen["started_at"] is None
    assert (await service.end_of(job["id"]))["status"] == "succeeded"


@pytest.mark.parametrize(("what", "attempts"), [("LookupError", 1), ("OSError", 3)])
async def test_a_task_says_which_errors_are_worth_another_attempt(
    service: Service, what: str, attempts: int
) -> None:
    job = await service.run("try.picky", {"what": what})
    assert (job["status"], job["attempt"]) == ("failed", attempts)


@pytest.mark.parametrize("limited", [False, True])
async def test_a_job_that_rests_loses_no_attempt(
    service: Service, tmp_path: Path, limited: bool
) -> None:
    given = {"ledger": str(tmp_path / "rests"), "times": 2, "seconds": 0.2, "limited": limited}
    job = await service.run("try.rests", given)
    assert (job["result"], job["attempt"], job["max_attempts"]) == ("rested", 1, 1)
    assert outcomes(job) == ["snoozed", "snoozed", "succeeded"]


async def test_a_retry_that_would_come_too_late_is_not_waited_for(service: Service) -> None:
    patience: dict[str, Any] = {"retry": {"backoff_s": 60, "jitter": False}, "expires_in_s": 30}
    job = await service.run("try.flaky", {"failures": 1}, **patience)
    assert (job["status"], job["attempt"]) == ("failed", 1)
    assert job["error"]["message"] == "attempt 1 failed"


async def test_a_job_that_nobody_takes_in_time_expires_without_running(
    service: Service, tmp_path: Path
) -> None:
    given = {"number": 1, "ledger": str(tmp_path / "ledger")}
    job = await service.run("try.double", given, queue="unserved", expires_in_s=0.5)
    assert (job["status"], job["result"], job["error"]) == ("expired", None, None)
    assert not (tmp_path / "ledger").exists()


@pytest.mark.parametrize("task", ["try.listens", "try.works"])
async def test_at_its_hard_timeout_an_attempt_is_over(service: Service, task: str) -> None:
    job = await service.run(task, {}, timeout_s=0.3)
    assert (job["status"], job["error"]["type"]) == ("failed", "timeout")


async def test_a_timed_out_attempt_may_be_followed_by_another(service: Service) -> None:
    job = await service.run("try.works", {}, timeout_s=0.3, retry=QUICKLY)
    assert [attempt["error"]["type"] for attempt in job["attempts"]] == ["timeout"] * 3


async def test_a_task_that_ignores_its_timeout_holds_up_nothing(service: Service) -> None:
    began = time.monotonic()
    job = await service.run("try.listens", {"seconds": 6, "heeds": False}, timeout_s=0.3)
    assert (job["status"], job["error"]["type"]) == ("failed", "timeout")
    assert time.monotonic() - began < 4

    async def told() -> bool:
        said = (await service.http.get(f"/v1/jobs/{job['id']}/logs")).json()
        return any("left behind" in line["message"] for line in said["lines"])

    await eventually(told)


@pytest.mark.parametrize("task", THREE_WAYS)
async def test_at_its_soft_timeout_a_task_may_tidy_up_and_return(
    service: Service, task: str
) -> None:
    job = await service.run(task, {}, soft_timeout_s=0.3)
    assert (job["status"], job["result"]) == ("succeeded", "tidied up")


async def test_a_task_that_lets_its_soft_timeout_out_has_failed(service: Service) -> None:
    job = await service.run("try.works", {"heeds": False}, soft_timeout_s=0.3)
    assert (job["status"], job["error"]["type"]) == ("failed", "timeout")
    assert "soft timeout" in job["error"]["message"]


@pytest.mark.parametrize("task", THREE_WAYS)
async def test_a_running_job_is_cancelled_whatever_it_then_returns(
    service: Service, task: str
) -> None:
    job = await running(service, task)
    answer = await service.http.post(f"/v1/jobs/{job['id']}/cancel")
    assert answer.status_code == 202
    ended = await service.end_of(job["id"], within=10)
    assert (ended["status"], ended["result"], ended["error"]) == ("cancelled", None, None)


async def test_a_thread_that_never_looks_keeps_its_own_outcome(service: Service) -> None:
    job = await running(service, "try.looks", seconds=2, heeds=False)
    assert (await service.http.post(f"/v1/jobs/{job['id']}/cancel")).status_code == 202
    ended = await service.end_of(job["id"])
    assert (ended["status"], ended["result"]) == ("succeeded", "slept")


async def running(service: Service, task: str, **given: Any) -> Document:
    """Submit a job, and return it once it runs."""
    job = await service.submit(task, given)

    async def runs() -> Document | None:
        seen: Document = (await service.http.get(f"/v1/jobs/{job['id']}")).json()
        return seen if seen["status"] == "running" else None

    return await eventually(runs)
