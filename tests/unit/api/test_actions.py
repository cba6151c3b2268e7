"""Actions: bounded, counted, and never on every job by mistake."""

from typing import Any

import pytest

from api import actions
from api.actions import read_action
from shared.contracts.errors import InvalidInput
from shared.contracts.job import Job
from shared.contracts.moves import Status
from tests.builders import LATER, a_job, a_job_in, a_running_job
from tests.unit.api.steered import Desk

HERE = {"queue": "default"}


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        ({}, "/action"),
        ({"action": "explode", "ids": ["a"]}, "/action"),
        ({"action": "cancel"}, ""),
        ({"action": "cancel", "ids": ["a"], "filter": HERE}, ""),
        ({"action": "cancel", "ids": []}, "/ids"),
        ({"action": "cancel", "ids": [1]}, "/ids/0"),
        ({"action": "cancel", "filter": {}}, "/filter"),
        ({"action": "cancel", "filter": {"status": []}}, "/filter"),
        ({"action": "cancel", "filter": {"page_size": 5}}, "/filter/page_size"),
        ({"action": "cancel", "filter": {"status": "lost"}}, "/filter/status/0"),
        ({"action": "cancel", "filter": HERE, "dry_run": "no"}, "/dry_run"),
        ({"action": "cancel", "filter": HERE, "dryrun": True}, "/dryrun"),
        ({"action": "cancel", "filter": {"q": "\0"}}, "/filter/q"),
    ],
)
def test_what_is_not_clear_is_refused_where_it_stands(value: Any, pointer: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_action(value)
    assert refused.value.faults[0].pointer == pointer


async def test_each_named_job_is_done_or_refused_with_a_reason() -> None:
    queued, running, ended = a_job(), a_running_job(), a_job_in(Status.SUCCEEDED)
    desk = Desk(queued, running, ended)
    ids = [queued.id, running.id, ended.id, queued.id, "no-such"]
    told = await desk.act(action="cancel", ids=ids)
    assert (told["matched"], told["done"], told["refused"], told["more"]) == (4, 2, 2, False)
    assert told["reasons"] == {"already-finished": 1, "not-found": 1}
    assert desk.now(queued).status is Status.CANCELLED
    assert desk.now(running).cancel_asked_at == LATER


async def test_a_dry_run_says_what_would_happen_and_does_nothing() -> None:
    jobs = [a_job(), a_job_in(Status.FAILED), a_running_job()]
    desk = Desk(*jobs)
    told = await desk.act(action="retry", ids=[job.id for job in jobs], dry_run=True)
    assert (told["matched"], told["done"], told["reasons"]) == (3, 1, {"not-finished": 2})
    assert told["dry_run"] is True
    assert [desk.now(job) for job in jobs] == jobs


@pytest.mark.parametrize(
    ("action", "becomes"), [("cancel", "cancelled"), ("retry", "queued"), ("delete", None)]
)
async def test_a_filter_means_only_jobs_that_the_action_can_be_done_to(
    action: str, becomes: str | None
) -> None:
    able = a_job() if action == "cancel" else a_job_in(Status.FAILED)
    other = a_job_in(Status.FAILED) if action == "cancel" else a_job()
    desk = Desk(able, other)
    told = await desk.act(action=action, filter=HERE)
    assert (told["matched"], told["done"], told["refused"]) == (1, 1, 0)
    now = desk.store.jobs.get(able.id)
    assert (now and now.status) == becomes
    assert desk.now(other) == other


async def test_a_request_does_a_bounded_amount_and_asking_again_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(actions, "MOST", 4)
    monkeypatch.setattr(actions, "_PAGE", 2)
    jobs = [a_job() for _ in range(7)]
    desk = Desk(*jobs)
    first = await desk.act(action="cancel", filter=HERE)
    second = await desk.act(action="cancel", filter=HERE)
    assert (first["done"], first["more"]) == (4, True)
    assert (second["done"], second["more"]) == (3, False)
    assert all(desk.now(job).status is Status.CANCELLED for job in jobs)


async def test_running_jobs_that_were_asked_already_are_not_met_again() -> None:
    desk = Desk(a_running_job())
    assert (await desk.act(action="cancel", filter=HERE))["matched"] == 1
    assert (await desk.act(action="cancel", filter=HERE))["matched"] == 0


async def test_a_job_whose_follow_ups_are_not_done_is_not_deleted() -> None:
    job = a_job_in(Status.CANCELLED, unsettled=True)
    told = await Desk(job).act(action="delete", ids=[job.id])
    assert (told["done"], told["reasons"]) == (0, {"not-settled": 1})


@pytest.mark.parametrize("action", ["cancel", "retry", "delete"])
async def test_what_changes_meanwhile_is_counted_as_refused(action: str) -> None:
    job: Job = a_running_job() if action == "cancel" else a_job_in(Status.FAILED)
    desk = Desk(job)
    ended = a_job_in(Status.SUCCEEDED, id=job.id, version=9)
    changed = ended if action == "cancel" else a_job(id=job.id, version=1)
    desk.store.meanwhile = [lambda: desk.store.put(changed)]
    told = await desk.act(action=action, ids=[job.id])
    assert (told["matched"], told["done"], told["refused"]) == (1, 0, 1)
    assert list(told["reasons"].values()) == [1]
