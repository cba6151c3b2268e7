"""Jobs of nodes are jobs like others: they say what they wait for; what is done to one counts."""

from typing import Any

from tests.journeys.service import Service
from tests.journeys.workflows import (
    double,
    end_of,
    fails,
    run,
    shows,
    statuses,
    steer,
    submit,
    until_status,
)

SLOW = {"task": "try.double", "input": {"number": 1, "seconds": 60}}


async def test_a_job_says_for_which_others_it_waits(service: Service) -> None:
    view = await submit(service, {"slow": SLOW, "next": double({"$from": "slow"})})
    slow, following = (view["nodes"][name]["id"] for name in ("slow", "next"))
    path = f"/v1/jobs/{following}"
    gates = [{"gate": "jobs", "ids": [slow], "open": 1}]
    assert (await service.http.get(path)).json()["waiting_for"] == gates
    listed = await service.http.get("/v1/jobs", params={"workflow_id": view["id"]})
    by_id = {job["id"]: job["waiting_for"] for job in listed.json()["jobs"]}
    assert (by_id[following], by_id[slow]) == (gates, [])
    why = (await service.http.get(f"{path}/why")).json()
    assert (why["reasons"][0]["code"], why["waiting_for"]) == ("jobs", gates)
    assert why["reasons"][0]["text"] == "it waits for 1 job of its workflow: slow"
    await steer(service, view["id"], "cancel")


async def test_cancelling_one_job_is_an_end_that_the_workflow_goes_on_from(
    service: Service,
) -> None:
    nodes = {
        "far": double(1, delay_s=600),
        "next": double({"$from": "far"}),
        "alarm": shows({"$error": "far"}, run_if="any_failed"),
    }
    view = await submit(service, nodes)
    answer = await service.http.post(f"/v1/jobs/{view['nodes']['far']['id']}/cancel")
    assert answer.json()["status"] == "cancelled"
    ended = await end_of(service, view["id"])
    assert statuses(ended) == {"far": "cancelled", "next": "skipped", "alarm": "succeeded"}
    assert (ended["status"], ended["result"]["alarm"]["type"]) == ("succeeded", "cancelled")


async def test_cancelling_a_running_job_fails_what_needed_it(service: Service) -> None:
    view = await submit(service, {"slow": SLOW, "next": double({"$from": "slow"})})
    await until_status(service, view["id"], "slow", "running")
    await service.http.post(f"/v1/jobs/{view['nodes']['slow']['id']}/cancel")
    ended = await end_of(service, view["id"])
    assert (ended["status"], ended["error"]["type"]) == ("failed", "cancelled")
    assert statuses(ended) == {"slow": "cancelled", "next": "skipped"}


async def test_one_job_is_not_run_again_without_its_workflow(service: Service) -> None:
    ended = await run(service, {"bad": fails()})
    answer = await service.http.post(f"/v1/jobs/{ended['nodes']['bad']['id']}/retry")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/part-of-workflow")
    assert f"/v1/workflows/{ended['id']}/rerun" in answer.json()["detail"]
    for action in ("retry", "delete"):
        did = await act(service, action, ended["id"])
        assert (did["done"], did["reasons"]) == (0, {"part-of-workflow": 1})


async def test_jobs_of_a_workflow_are_cancelled_by_what_they_have_in_common(
    service: Service,
) -> None:
    nodes = {"a": double(1, delay_s=600), "b": double(2, delay_s=600)}
    view = await submit(service, nodes, tags=["all-of-them"])
    answer = await service.http.post(
        "/v1/actions", json={"action": "cancel", "filter": {"tag": "all-of-them"}}
    )
    assert answer.json()["done"] == 2
    assert (await end_of(service, view["id"]))["status"] == "failed"


async def act(service: Service, action: str, workflow_id: str) -> dict[str, Any]:
    """Do something to all jobs of a workflow."""
    answer = await service.http.post(
        "/v1/actions", json={"action": action, "filter": {"workflow_id": workflow_id}}
    )
    counts: dict[str, Any] = answer.json()
    return counts
