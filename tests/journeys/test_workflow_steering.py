"""Changing workflows by hand: cancel, retry, run again from a node, skip a node."""

from pathlib import Path
from typing import Any

from tests.journeys.service import Service
from tests.journeys.tasks import noted
from tests.journeys.workflows import (
    double,
    fails,
    run,
    shows,
    statuses,
    steer,
    submit,
    until_status,
)


async def problem(service: Service, workflow_id: str, what: str, **body: Any) -> tuple[int, str]:
    """Ask for something that is refused; return the status and the problem."""
    path = f"/v1/workflows/{workflow_id}/{what}"
    answer = await service.http.post(path, json=body or None)
    return answer.status_code, answer.json()["type"].removeprefix("/problems/")


async def test_cancelling_ends_what_waits_and_asks_what_runs_to_stop(service: Service) -> None:
    nodes = {
        "slow": {"task": "try.double", "input": {"number": 1, "seconds": 60}},
        "next": double({"$from": "slow"}),
        "each": double({"$item": ""}, foreach={"$from": "next"}),
        "last": {"value": {"$from": "each"}},
    }
    view = await submit(service, nodes, on_failure=double(1))
    await until_status(service, view["id"], "slow", "running")
    ended = await steer(service, view["id"], "cancel")
    assert (ended["status"], ended["error"], ended["hooks"]) == ("cancelled", None, [])
    assert statuses(ended)["slow"] == statuses(ended)["next"] == "cancelled"
    again = await service.http.post(f"/v1/workflows/{view['id']}/cancel")
    assert (again.status_code, again.json()["status"]) == (200, "cancelled")


async def test_cancelling_a_running_list_stops_all_of_it(service: Service) -> None:
    each = {"task": "try.double", "input": {"number": 1, "seconds": 60}, "foreach": [1] * 9}
    view = await submit(service, {"each": {**each, "max_parallel": 2}})
    await until_status(service, view["id"], "each", "running")
    ended = await steer(service, view["id"], "cancel")
    assert (ended["status"], statuses(ended)) == ("cancelled", {"each": "cancelled"})
    jobs = await service.http.get("/v1/jobs", params={"workflow_id": view["id"]})
    assert {job["status"] for job in jobs.json()["jobs"]} == {"cancelled"}


async def test_a_workflow_that_has_ended_cannot_be_cancelled(service: Service) -> None:
    ended = await run(service, {"a": double(1)})
    assert await problem(service, ended["id"], "cancel") == (409, "already-finished")


async def test_a_retry_runs_what_failed_and_keeps_what_succeeded(
    service: Service, tmp_path: Path
) -> None:
    ledger, gate = tmp_path / "ledger", tmp_path / "gate"
    nodes = {
        "first": shows(5, input={"what": 5, "ledger": str(ledger)}),
        "gate": {
            "task": "try.fails_until",
            "input": {"path": str(gate), "number": {"$from": "first"}},
        },
        "last": double({"$from": "gate"}),
    }
    hooks: dict[str, Any] = {name: shows({"$error": ""}) for name in ("on_failure", "on_success")}
    failed = await run(service, nodes, **hooks)
    assert statuses(failed) == {"first": "succeeded", "gate": "failed", "last": "skipped"}
    gate.touch()
    ended = await steer(service, failed["id"], "retry")
    assert (ended["status"], ended["result"], ended["run"]) == ("succeeded", 10, 1)
    assert (ended["id"], ended["error"]) == (failed["id"], None)
    assert noted(str(ledger)) == 1
    job = (await service.http.get(f"/v1/jobs/{ended['nodes']['gate']['id']}")).json()
    assert [each["outcome"] for each in job["attempts"]] == ["failed", "succeeded"]
    assert await problem(service, failed["id"], "retry") == (409, "nothing-to-retry")


async def test_a_retry_of_a_list_runs_only_the_elements_that_failed(
    service: Service, tmp_path: Path
) -> None:
    here, missing = tmp_path / "here", tmp_path / "missing"
    here.touch()
    nodes = {
        "each": {
            "task": "try.fails_until",
            "foreach": [str(here), str(missing), str(here)],
            "input": {"path": {"$item": ""}, "number": 3},
        },
        "sum": shows({"$from": "each"}),
    }
    failed = await run(service, nodes)
    assert failed["nodes"]["each"]["counts"]["failed"] == 1
    missing.touch()
    ended = await steer(service, failed["id"], "retry")
    assert ended["result"] == [3, 3, 3]
    jobs = (await service.http.get("/v1/jobs", params={"workflow_id": ended["id"]})).json()["jobs"]
    attempts = {job["node"]: len(job["attempts"]) for job in jobs}
    assert attempts == {"each/0": 1, "each/1": 2, "each/2": 1, "sum": 1}


async def test_a_workflow_that_runs_is_not_run_again(service: Service) -> None:
    view = await submit(service, {"a": double(1, delay_s=60)})
    assert await problem(service, view["id"], "retry") == (409, "not-finished")
    assert await problem(service, view["id"], "rerun", node="a") == (409, "not-finished")
    await steer(service, view["id"], "cancel")


async def test_a_workflow_runs_again_from_a_node_with_another_input(service: Service) -> None:
    nodes = {"a": double(1), "b": double({"$from": "a"}), "c": double({"$from": "b"})}
    first = await run(service, nodes)
    again = await steer(service, first["id"], "rerun", node="b")
    assert (again["result"], again["run"]) == (8, 1)
    edited = await steer(service, first["id"], "rerun", node="b", input={"number": 50})
    assert (edited["result"], edited["run"]) == (200, 2)
    referring = {"number": {"$from": "a"}}
    back = await steer(service, first["id"], "rerun", node="b", input=referring)
    assert back["result"] == 8
    a = (await service.http.get(f"/v1/jobs/{back['nodes']['a']['id']}")).json()
    assert len(a["attempts"]) == 1


async def test_another_input_is_checked_as_at_first(service: Service) -> None:
    ended = await run(service, {"a": double(1), "b": double(2)})
    refused = {"node": "b", "input": {"number": "x"}}
    assert await problem(service, ended["id"], "rerun", **refused) == (422, "invalid-input")
    unknown = {"node": "b", "input": {"number": {"$from": "a"}}}
    assert await problem(service, ended["id"], "rerun", **unknown) == (422, "invalid-input")
    assert await problem(service, ended["id"], "rerun", node="x") == (404, "not-found")
    assert await problem(service, ended["id"], "rerun", nod="b") == (422, "invalid-input")


async def test_a_list_runs_again_with_what_it_is_now(service: Service) -> None:
    nodes = {"list": shows([1, 2]), "each": double({"$item": ""}, foreach={"$from": "list"})}
    first = await run(service, nodes)
    again = await steer(service, first["id"], "rerun", node="list", input={"what": [3, 4, 5]})
    assert (first["result"], again["result"]) == ([2, 4], [6, 8, 10])


async def test_a_skipped_node_lets_go_on_what_waited_for_it(service: Service) -> None:
    view = await submit(
        service,
        {"far": double(1, delay_s=600), "next": shows([{"$from": "far"}])},
    )
    ended = await steer(service, view["id"], "skip", node="far")
    assert (ended["status"], ended["result"]) == ("succeeded", [None])
    assert statuses(ended) == {"far": "skipped", "next": "succeeded"}
    assert await problem(service, view["id"], "skip", node="next") == (409, "not-skippable")


async def test_skipping_what_failed_goes_on_behind_it(service: Service) -> None:
    failed = await run(service, {"bad": fails(), "next": shows([{"$from": "bad"}])})
    assert failed["status"] == "failed"
    ended = await steer(service, failed["id"], "skip", node="bad")
    assert (ended["status"], ended["result"], ended["error"]) == ("succeeded", [None], None)
    assert statuses(ended) == {"bad": "skipped", "next": "succeeded"}


async def test_what_runs_cannot_be_skipped(service: Service) -> None:
    slow = {"task": "try.double", "input": {"number": 1, "seconds": 60}}
    view = await submit(service, {"slow": slow})
    await until_status(service, view["id"], "slow", "running")
    assert await problem(service, view["id"], "skip", node="slow") == (409, "not-skippable")
    assert (await steer(service, view["id"], "cancel"))["status"] == "cancelled"


async def test_a_cancelled_workflow_goes_on_when_it_is_retried(
    service: Service, tmp_path: Path
) -> None:
    path = tmp_path / "there"
    nodes = {"a": {"task": "try.awaits", "input": {"path": str(path)}}, "b": shows({"$from": "a"})}
    view = await submit(service, nodes)
    await until_status(service, view["id"], "a", "running")
    assert statuses(await steer(service, view["id"], "cancel")) == dict.fromkeys("ab", "cancelled")
    path.touch()
    ended = await steer(service, view["id"], "retry")
    assert (ended["status"], ended["result"]) == ("succeeded", "it is there")
    assert ended["cancel_asked_at"] is None
