"""A job for each element of a list, known beforehand or not; results one by one."""

import json
from typing import Any

from tests.journeys.service import Service
from tests.journeys.workflows import double, fails, run, shows, statuses


async def test_a_list_that_is_known_makes_a_job_of_each_element(service: Service) -> None:
    ended = await run(service, {"each": double({"$item": ""}, foreach=[3, 1, 2])})
    assert ended["result"] == [6, 2, 4]
    counts = {"total": 3, "open": 0, "succeeded": 3, "failed": 0}
    assert ended["nodes"]["each"]["counts"] == counts


async def test_a_list_that_another_node_gives_is_taken_when_it_is_there(service: Service) -> None:
    nodes = {
        "pages": shows([{"n": 1}, {"n": 2}]),
        "factor": double(5),
        "each": shows(
            [{"$item": "/n"}, {"$from": "factor"}], foreach={"$from": "pages"}
        ),
        "all": shows({"$from": "each", "path": "/1"}),
    }  # fmt: skip
    ended = await run(service, nodes)
    assert ended["result"] == [2, 10]
    jobs = await service.http.get("/v1/jobs", params={"workflow_id": ended["id"]})
    elements = [job for job in jobs.json()["jobs"] if job["node"].startswith("each/")]
    assert {job["node"] for job in elements} == {"each/0", "each/1"}
    assert {job["parent_id"] for job in elements} == {ended["nodes"]["each"]["id"]}


async def test_an_empty_list_gives_an_empty_list(service: Service) -> None:
    nodes = {"each": double({"$item": ""}, foreach=[]), "sum": shows({"$from": "each"})}
    ended = await run(service, nodes)
    assert (ended["result"], statuses(ended)["each"]) == ([], "succeeded")


async def test_what_is_no_list_fails_the_node_with_the_reason(service: Service) -> None:
    ended = await run(
        service, {"one": double(1), "each": double({"$item": ""}, foreach={"$from": "one"})}
    )
    assert ended["error"]["node"] == "each"
    assert "needs a list and got a number" in ended["error"]["message"]


async def test_no_more_elements_run_at_once_than_were_allowed(service: Service) -> None:
    each = {"task": "try.crowds", "foreach": [0.03] * 12, "input": {"seconds": {"$item": ""}}}
    free = await run(service, {"each": each})
    assert max(free["result"]) > 3
    bounded = await run(service, {"each": {**each, "max_parallel": 3}})
    assert 1 < max(bounded["result"]) <= 3
    assert len(bounded["result"]) == 12


async def test_a_failed_element_fails_the_list_after_the_others_have_run(service: Service) -> None:
    each = {"task": "try.double", "foreach": [1, "no", 3], "input": {"number": {"$item": ""}}}
    nodes = {"list": shows([1, "no", 3]), "each": {**each, "foreach": {"$from": "list"}}}
    ended = await run(service, nodes)
    assert (ended["status"], ended["error"]["node"]) == ("failed", "each/1")
    assert ended["nodes"]["each"]["counts"]["succeeded"] == 2
    tolerant = {**nodes, "each": {**nodes["each"], "tolerate": True}}
    ended = await run(service, tolerant)
    assert (ended["status"], ended["result"]) == ("succeeded", [2, None, 6])


async def test_results_come_line_by_line_in_declared_order(service: Service) -> None:
    nodes = {
        "each": double({"$item": ""}, foreach=list(range(50))),
        "bad": fails(),
        "pair": {"value": ["x"]},
    }
    ended = await run(service, nodes)
    lines = await results(service, ended["id"], "each")
    assert [line["result"] for line in lines] == [2 * n for n in range(50)]
    assert [line["index"] for line in lines] == list(range(50))
    assert lines[7]["node"] == "each/7"
    [bad] = await results(service, ended["id"], "bad")
    assert (bad["status"], bad["result"]) == ("failed", None)
    assert bad["error"]["type"] == "ConnectionError"
    [pair] = await results(service, ended["id"], "pair")
    assert (pair["status"], pair["result"]) == ("succeeded", ["x"])
    assert len(await results(service, ended["id"])) == 52
    answer = await service.http.get(f"{ended['links']['results']}?node=nobody")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")


async def results(service: Service, workflow_id: str, node: str | None = None) -> list[Any]:
    """Return the lines of the stream."""
    asked = {} if node is None else {"node": node}
    answer = await service.http.get(f"/v1/workflows/{workflow_id}/results", params=asked)
    assert answer.headers["Content-Type"].startswith("application/jsonl")
    return [json.loads(line) for line in answer.text.splitlines()]
