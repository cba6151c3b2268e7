"""Workflows as a whole through the SDK: lineage, labels, priorities, start times, cancel, retry."""

import asyncio
from datetime import UTC, datetime

import pytest

from tests.eventually import eventually
from tests.journeys.canvas.conftest import Canvas
from tests.journeys.canvas.tasks import add, fail, flaky, identity, into_chain, later, now, tell
from warren import Client, WorkflowFailed, WorkflowTimeout, chain, chord, group

SHAPES = [
    chain(later.s(30), identity.s()),
    group(later.s(30), later.s(30)),
    chord([later.s(30), now.s()], identity.s()),
    chain(group(later.s(30), later.s(30)), identity.s()),
    group(chain(later.s(30), identity.s()), now.s()),
    identity.map([30, 30, 30]) | later.map(value=1),
]


async def test_each_job_knows_its_workflow_and_what_it_comes_after(canvas: Canvas) -> None:
    view = await canvas.ended(chain(add.s(1, 1), *[add.s(1)] * 9))
    names = ["add", *[f"add-{i}" for i in range(2, 11)]]
    assert [view.nodes[name].after for name in names] == [[], *[[name] for name in names[:-1]]]
    jobs = await canvas.jobs(view.id)
    assert {job["workflow_id"] for job in jobs} == {view.id}
    assert sorted(job["node"] for job in jobs) == sorted(names)
    join = await canvas.ended(chord([now.s(), now.s()], identity.s()))
    assert sorted(join.nodes["identity"].after) == ["now", "now-2"]


async def test_a_workflow_starts_when_it_is_told_to(canvas: Canvas) -> None:
    whole = chain(add.s(4, 4), add.s(2)).on_failure(tell.s()).set(delay_s=1)
    asked = datetime.now(UTC)
    view = await canvas.ended(whole)
    assert view.result == 10
    assert view.finished_at is not None
    assert (view.finished_at - asked).total_seconds() >= 1
    assert await canvas.jobs(view.id, task="sums.tell") == []


async def test_an_empty_group_is_a_workflow_that_can_be_read_later(canvas: Canvas) -> None:
    handle = await canvas.submit(group([]))
    assert await handle.aget(20) == []
    assert await canvas.client.workflows.handle(handle.id).aget(20) == []


async def test_the_same_key_is_the_same_workflow(canvas: Canvas) -> None:
    document = chain(now.s(), identity.s()).document()
    submit = canvas.client.workflows.submit
    first = await submit(document, idempotency_key="canvas-1")
    second = await submit(document, idempotency_key="canvas-1")
    assert first.id == second.id
    assert await second.aget(20) == 1


async def test_fields_of_a_step_are_those_of_its_job(canvas: Canvas) -> None:
    view = await canvas.ended(chain(now.s().set(priority=3), identity.s().set(priority=8)))
    found = {job["node"]: job["priority"] for job in await canvas.jobs(view.id)}
    assert found == {"now": 3, "identity": 8}


async def test_labels_reach_steps_hooks_replacements_and_retries(canvas: Canvas) -> None:
    steps = chain(flaky.s(1), into_chain.s().set(tags=["own"]))
    whole = steps.on_success(tell.s()).set(tags=["acme"], metadata={"n": 1})
    view = await canvas.ended(whole)
    assert view.result == 1
    await canvas.all_over(view.id)
    jobs = await canvas.jobs(view.id)
    assert len(jobs) == 5
    assert all("acme" in job["tags"] and job["metadata"] == '{"n":1}' for job in jobs)
    assert [job["tags"] for job in jobs if job.get("parent_id")] == [["own", "acme"]] * 2
    [retried] = [job for job in jobs if job["task"] == "sums.flaky"]
    assert retried["attempt"] == 2


async def test_jobs_are_cancelled_by_their_label_and_no_others(canvas: Canvas) -> None:
    marked = [await canvas.submit(each.set(tags=["stop-me"])) for each in SHAPES]
    other = await canvas.submit(later.s(0.2, value=5) | identity.s())
    action = {"action": "cancel", "filter": {"tag": "stop-me"}}

    async def all_are_cancelled() -> bool:
        """Cancel what there is: the jobs of a list are there once the list is known."""
        answer = await canvas.service.http.post("/v1/actions", json=action)
        assert answer.status_code in (200, 202), answer.text
        views = [await handle.refresh() for handle in marked]
        return all(view.done and view.status != "succeeded" for view in views)

    await eventually(all_are_cancelled, within=20)
    assert await other.aget(20) == 5
    nothing = {"action": "cancel", "filter": {"tag": "nobody-has-this"}}
    answer = await canvas.service.http.post("/v1/actions", json=nothing)
    assert answer.status_code in (200, 202)


async def test_a_workflow_is_cancelled_whole(canvas: Canvas) -> None:
    handle = await canvas.submit(chain(group(later.s(30), now.s()), identity.s()))
    await handle.cancel()
    assert (await handle.wait(20)).status == "cancelled"
    with pytest.raises(WorkflowFailed, match="cancelled"):
        await handle.aget(20)


async def test_a_failed_workflow_is_retried_from_what_failed(canvas: Canvas) -> None:
    handle = await canvas.submit(chain(now.s(), fail.s(), identity.s()))
    first = await handle.wait(20)
    await handle.retry()
    again = await canvas.client.workflows.handle(handle.id).wait(20)
    assert (first.status, again.status) == ("failed", "failed")
    runs = {job["node"]: job.get("starts", 0) for job in await canvas.jobs(handle.id)}
    assert runs == {"now": 1, "fail": 2, "identity": 0}


async def test_waiting_may_end_before_the_workflow_does(canvas: Canvas) -> None:
    handle = await canvas.submit(later.s(1) | identity.s())
    with pytest.raises(WorkflowTimeout, match="it goes on"):
        await handle.aget(0.1)
    assert await handle.aget(20) == 1


async def test_a_workflow_is_checked_without_running(canvas: Canvas) -> None:
    told = await canvas.client.workflows.check(chain(now.s(), identity.s()))
    assert told["critical_path"]["nodes"] == ["now", "identity"]


async def test_ordinary_code_submits_and_waits_too(canvas: Canvas) -> None:
    def ordinary() -> list[object]:
        with Client(canvas.service.gateway.url) as client:
            handle = client.workflows.submit(chord([add.s(i, i) for i in range(3)], identity.s()))
            value = handle.get(20)
            return [value, handle.node("add-2").get(5), handle.status]

    assert await asyncio.to_thread(ordinary) == [[0, 2, 4], 2, "succeeded"]


async def test_a_signature_hands_itself_in(canvas: Canvas, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARREN_URL", canvas.service.gateway.url)

    async def seen() -> list[object]:
        handle = await (add.s(1) | add.s(2)).adelay(3)
        tagged = await (now.s() | identity.s()).asubmit(tags=["acme"])
        return [await handle.aget(20), (await tagged.wait(20)).tags]

    # In a loop of its own: the default client of this one may be that of an earlier service.
    assert await asyncio.to_thread(asyncio.run, seen()) == [6, ["acme"]]


async def test_a_workflow_that_is_gone_on_with_ends_although_nobody_waits(canvas: Canvas) -> None:
    handle = await canvas.submit(chain(now.s(), identity.s()))

    async def ended() -> bool:
        return await handle.status() == "succeeded"

    await eventually(ended, within=20)
