"""Jobs that grow while they run: they spawn others, or are replaced by a graph."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from deploy.local.stack import Stack
from tests.eventually import eventually
from tests.journeys.service import Document, Service, open_service


@pytest.fixture(scope="module")
async def service(stack: Stack) -> AsyncIterator[Service]:
    tasks = {"WARREN_TASKS": "tests.journeys.growing_tasks"}
    async with open_service(stack, "growth", tasks) as running:
        yield running


def a_graph(**nodes: Document) -> Document:
    return {"nodes": nodes}


def adding(x: int, y: int) -> Document:
    return {"task": "growing_tasks.add", "input": {"x": x, "y": y}}


async def run(service: Service, task: str, **given: Any) -> Document:
    return await service.run(f"growing_tasks.{task}", given)


async def job(service: Service, job_id: str) -> Document:
    found: Document = (await service.http.get(f"/v1/jobs/{job_id}")).json()
    return found


async def children(service: Service, job_id: str) -> list[Document]:
    return await service.database.jobs.find({"parent_id": job_id}).to_list(None)


async def test_a_spawned_job_runs_by_itself_and_knows_where_it_came_from(service: Service) -> None:
    parent = await run(service, "spawns", graph=a_graph(sum=adding(2, 3)))
    assert parent["status"] == "succeeded"
    child = await service.end_of(parent["result"]["nodes"]["sum"])
    assert child["result"] == 5
    assert child["parent_id"] == parent["id"]
    assert child["workflow_id"] == parent["result"]["workflow_id"] != None  # noqa: E711


async def test_who_waits_for_what_it_spawned_ends_after_it_with_its_own_value(
    service: Service, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    graph = a_graph(last={"task": "growing_tasks.waits_for", "input": {"path": str(seen)}})
    given = {"graph": graph, "options": {"wait": True}}
    parent = await service.submit("growing_tasks.spawns", given)

    async def waits() -> bool:
        return bool((await job(service, parent["id"]))["status"] == "waiting")

    await eventually(waits, within=10)
    seen.touch()
    ended = await service.end_of(parent["id"])
    assert ended["status"] == "succeeded"
    child = await job(service, ended["result"]["nodes"]["last"])
    assert (child["result"], child["status"]) == ("seen", "succeeded")
    assert child["finished_at"] <= ended["finished_at"]


async def test_who_waits_for_what_fails_has_failed_and_says_which_node(service: Service) -> None:
    graph = a_graph(bad={"task": "growing_tasks.fails", "input": {"value": 3}})
    ended = await run(service, "spawns", graph=graph, options={"wait": True})
    assert (ended["status"], ended["error"]["type"]) == ("failed", "upstream-failed")
    assert "bad failed: ValueError: no to 3" in ended["error"]["message"]


async def test_jobs_wait_for_jobs_that_wait_for_jobs(service: Service) -> None:
    ended = await run(service, "spawns_down", n=6)
    assert (ended["status"], ended["result"]) == ("succeeded", 6)


@pytest.mark.parametrize("how", ["becomes_in_a_thread", "becomes_in_a_process"])
async def test_a_job_is_replaced_by_a_chain_whose_value_becomes_its_own(
    service: Service, how: str
) -> None:
    ended = await run(service, how, x=40)
    assert (ended["status"], ended["result"], ended["attempt"]) == ("succeeded", 42, 1)
    assert len(await children(service, ended["id"])) == 2


async def test_a_job_that_is_replaced_again_and_again_comes_to_an_end(service: Service) -> None:
    ended = await run(service, "counts_down", n=10)
    assert (ended["status"], ended["result"]) == ("succeeded", "zero")


async def test_a_job_whose_replacement_fails_has_failed(service: Service) -> None:
    graph = a_graph(bad={"task": "growing_tasks.fails"})
    ended = await run(service, "becomes", graph=graph)
    assert (ended["status"], ended["error"]["type"]) == ("failed", "upstream-failed")
    assert "ValueError: no to None" in ended["error"]["message"]


async def test_nothing_cannot_replace_a_job(service: Service) -> None:
    ended = await run(service, "becomes_nothing")
    assert (ended["status"], ended["error"]["type"]) == ("failed", "EmptyReplacement")
    assert ended["error"]["retryable"] is False


@pytest.mark.parametrize("how", ["spawns_in_a_thread", "spawns_in_a_process"])
@pytest.mark.parametrize("wait", [True, False])
async def test_threads_and_processes_spawn_as_well(service: Service, how: str, wait: bool) -> None:
    ended = await run(service, how, graph=a_graph(sum=adding(1, 1)), wait=wait)
    assert ended["status"] == "succeeded"
    assert (await service.end_of(ended["result"]["sum"]))["result"] == 2


async def test_what_a_task_did_not_await_was_spawned_all_the_same(service: Service) -> None:
    ended = await run(service, "spawns_and_forgets", graph=a_graph(sum=adding(1, 1)))
    assert (ended["status"], ended["result"]) == ("succeeded", "gone on")
    [child] = await children(service, ended["id"])
    assert (await service.end_of(child["_id"]))["result"] == 2


async def test_what_a_task_did_not_await_and_is_wrong_fails_it(service: Service) -> None:
    ended = await run(service, "spawns_and_forgets", graph=a_graph(odd={"task": "no.such"}))
    assert (ended["status"], ended["error"]["type"]) == ("failed", "InvalidWorkflow")


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ({"task": "no.such"}, "/nodes/n/task: node 'n': no worker has declared a task"),
        ({"task": "growing_tasks.add", "input": {"x": "one"}}, "/nodes/n/input/x"),
        ({"task": "growing_tasks.same", "after": ["m"]}, "there is no such node"),
    ],
)
async def test_what_grows_is_checked_like_a_submission(
    service: Service, node: Document, said: str
) -> None:
    ended = await run(service, "tries", graph=a_graph(n=node))
    assert ended["status"] == "succeeded"
    assert ended["result"].startswith("InvalidWorkflow: ")
    assert said in ended["result"]
    assert await children(service, ended["id"]) == []
    replaced = await run(service, "becomes", graph=a_graph(n=node))
    assert (replaced["status"], replaced["error"]["type"]) == ("failed", "InvalidWorkflow")
    assert said in replaced["error"]["message"]


async def test_an_attempt_that_runs_again_spawns_nothing_twice(service: Service) -> None:
    ended = await run(service, "spawns_and_fails_once", differs=False)
    assert (ended["status"], ended["result"]) == ("succeeded", 2)
    assert len(await children(service, ended["id"])) == 1


async def test_an_attempt_that_spawns_something_else_is_told_so(service: Service) -> None:
    ended = await run(service, "spawns_and_fails_once", differs=True)
    assert (ended["status"], ended["error"]["type"]) == ("failed", "CannotGrow")
    assert "give each spawn a name" in ended["error"]["message"]
    named = await run(service, "spawns_and_fails_once", differs=True, name="sum")
    assert named["status"] == "succeeded"
    assert len(await children(service, named["id"])) == 1


async def test_a_job_that_is_run_again_by_hand_grows_anew(service: Service) -> None:
    ended = await run(service, "spawns", graph=a_graph(sum=adding(1, 1)), options={"wait": True})
    await service.http.post(f"/v1/jobs/{ended['id']}/retry")
    again = await service.end_of(ended["id"])
    assert again["status"] == "succeeded"
    assert again["result"] != ended["result"]
    assert len(await children(service, ended["id"])) == 2


@pytest.mark.parametrize("wait", [True, False])
async def test_a_worker_that_is_killed_after_a_spawn_spawns_nothing_twice(
    service: Service, tmp_path: Path, wait: bool
) -> None:
    began = tmp_path / "began"
    parent = await service.submit(
        "growing_tasks.spawns_and_hangs_once", {"path": str(began), "wait": wait}
    )

    async def hangs() -> bool:
        return began.exists()

    await eventually(hangs, within=10)
    await service.kill_worker_processes()
    ended = await service.end_of(parent["id"], within=40)
    assert (ended["status"], ended["result"]) == ("succeeded", "done")
    await service.all_ended(within=20)
    grown = await children(service, parent["id"])
    assert sorted(each["result"] for each in grown) == ["2", "4"]


async def test_cancelling_a_job_that_waits_reaches_what_grew_from_it(service: Service) -> None:
    slow = {"task": "growing_tasks.rests", "input": {"seconds": 60}}
    inner = {"task": "growing_tasks.spawns", "input": {"graph": a_graph(slow=slow)}}
    inner["input"]["options"] = {"wait": True}  # type: ignore[index]
    graph = a_graph(slow=slow, inner=inner, later={**adding(1, 1), "after": ["slow"]})
    parent = await service.submit(
        "growing_tasks.spawns", {"graph": graph, "options": {"wait": True}}
    )

    async def all_run() -> bool:
        running = {"task": "growing_tasks.rests", "status": "running"}
        return await service.database.jobs.count_documents(running) == 2

    await eventually(all_run, within=10)
    answer = await service.http.post(f"/v1/jobs/{parent['id']}/cancel")
    assert answer.status_code == 200
    await service.all_ended(within=20)
    statuses = {each["status"] for each in await children(service, parent["id"])}
    assert statuses == {"cancelled"}


async def test_tags_and_metadata_reach_what_grows(service: Service) -> None:
    given = {"graph": a_graph(sum={**adding(1, 1), "tags": ["own"]})}
    parent = await service.submit("growing_tasks.spawns", given, tags=["acme"], metadata={"n": 1})
    ended = await service.end_of(parent["id"])
    child = await service.end_of(ended["result"]["nodes"]["sum"])
    assert (child["tags"], child["metadata"]) == (["own", "acme"], {"n": 1})
