"""Graphs of jobs over HTTP: references, order, conditions, joins, and how the whole ends."""

import asyncio
from datetime import datetime
from typing import Any

import pytest

from tests.journeys.service import Service
from tests.journeys.workflows import double, end_of, fails, run, shows, statuses, submit


async def test_a_node_takes_the_result_of_another(service: Service) -> None:
    ended = await run(service, {"a": double(1), "b": double({"$from": "a"})})
    assert (ended["status"], ended["done"], ended["error"]) == ("succeeded", True, None)
    assert ended["result"] == 4
    assert ended["counts"]["succeeded"] == ended["total"] == 2
    assert statuses(ended) == {"a": "succeeded", "b": "succeeded"}
    assert ended["nodes"]["b"]["after"] == ["a"]


async def test_an_accepted_workflow_says_where_it_is_found(service: Service) -> None:
    answer = await service.http.post("/v1/workflows", json={"nodes": {"a": double(1)}})
    view = answer.json()
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/v1/workflows/{view['id']}" == view["links"]["self"]
    assert answer.headers["ETag"]
    assert answer.headers["Retry-After"] == "1"
    assert (view["status"], view["open"], statuses(view)) == ("running", 1, {"a": "queued"})
    assert (await end_of(service, view["id"]))["result"] == 2


async def test_whoever_submits_may_wait_for_the_end(service: Service) -> None:
    answer = await service.http.post(
        "/v1/workflows", json={"nodes": {"a": double(1)}}, headers={"Prefer": "wait=20"}
    )
    assert (answer.status_code, answer.json()["result"]) == (200, 2)
    assert answer.headers["Preference-Applied"] == "wait=20"


async def test_a_path_picks_a_part_and_a_literal_stays_as_it_is(service: Service) -> None:
    nodes = {
        "all": shows({"rows": [{"id": 7}], "a/b": 1}),
        "part": shows(
            {
                "row": {"$from": "all", "path": "/rows/0/id"},
                "raw": {"$literal": {"$from": "x"}},
            }
        ),
        "odd": shows({"$from": "all", "path": "/a~1b"}),
    }
    ended = await run(service, nodes)
    assert ended["result"] == {"part": {"row": 7, "raw": {"$from": "x"}}, "odd": 1}


async def test_a_path_to_nothing_fails_the_node_with_the_reason(service: Service) -> None:
    ended = await run(service, {"a": shows({}), "b": shows({"$from": "a", "path": "/no"})})
    assert (ended["status"], ended["error"]["node"]) == ("failed", "b")
    assert ended["error"]["type"] == "bad-reference"
    assert "there is no member 'no'" in ended["error"]["message"]


async def test_after_is_an_order_without_data(service: Service) -> None:
    ended = await run(service, {"b": double(2, after=["a"]), "a": double(1)})
    jobs = {name: await job_of(service, node) for name, node in ended["nodes"].items()}
    assert jobs["a"]["finished_at"] <= jobs["b"]["started_at"]
    assert (jobs["a"]["workflow_id"], jobs["a"]["node"]) == (ended["id"], "a")


async def test_nodes_side_by_side_join_in_declared_order(service: Service) -> None:
    nodes = {f"n{i}": double(i, input={"number": i, "seconds": (3 - i) / 20}) for i in range(3)}
    nodes["join"] = shows([{"$from": f"n{i}"} for i in range(3)])
    assert (await run(service, nodes))["result"] == [0, 2, 4]


async def test_the_first_failure_skips_what_needed_it_and_is_the_error_of_the_whole(
    service: Service,
) -> None:
    nodes = {
        "bad": fails(),
        "next": double({"$from": "bad"}),
        "last": double({"$from": "next"}),
        "aside": double(1),
    }
    ended = await run(service, nodes)
    skipped = {"bad": "failed", "next": "skipped", "last": "skipped", "aside": "succeeded"}
    assert (ended["status"], statuses(ended)) == ("failed", skipped)
    error = ended["error"]
    assert (error["node"], error["type"], error["attempts"]) == ("bad", "ConnectionError", 1)
    assert error["job_id"] == ended["nodes"]["bad"]["id"]
    assert ended["nodes"]["last"]["error"] == error
    last = await job_of(service, ended["nodes"]["last"])
    assert (last["status"], last["error"]["type"]) == ("skipped", "upstream-failed")


CONDITIONS = {
    "all_succeeded": ("skipped", "succeeded"),
    "all_done": ("succeeded", "succeeded"),
    "any_succeeded": ("succeeded", "succeeded"),
    "any_failed": ("succeeded", "skipped"),
}


@pytest.mark.parametrize(("run_if", "ends"), CONDITIONS.items(), ids=CONDITIONS)
async def test_a_condition_decides_whether_a_node_runs(
    service: Service, run_if: str, ends: tuple[str, str]
) -> None:
    nodes = {
        "good": double(1),
        "also": double(2),
        "bad": fails(tolerate=True),
        "mixed": double(3, after=["good", "bad"], run_if=run_if),
        "fine": double(3, after=["good", "also"], run_if=run_if),
    }
    if run_if == "all_succeeded":
        nodes["bad"] = fails()  # a failure that is tolerated would let it run
    ended = await run(service, nodes)
    assert (ended["nodes"]["mixed"]["status"], ended["nodes"]["fine"]["status"]) == ends


@pytest.mark.parametrize(("least", "end"), [(2, "succeeded"), (3, "skipped")])
async def test_a_node_may_ask_for_so_many_successes(service: Service, least: int, end: str) -> None:
    nodes = {
        "a": double(1),
        "b": double(2),
        "bad": fails(tolerate=True),
        "quorum": double(3, after=["a", "b", "bad"], run_if={"succeeded": least}),
    }
    ended = await run(service, nodes)
    assert ended["nodes"]["quorum"]["status"] == end
    assert ended["nodes"]["quorum"]["run_if"] == {"succeeded": least}


async def test_a_failure_is_handled_by_a_node_that_waits_for_it(service: Service) -> None:
    nodes = {
        "bad": fails(),
        "next": double({"$from": "bad"}),
        "alarm": shows({"$error": "next"}, run_if="any_failed"),
    }
    ended = await run(service, nodes)
    assert (ended["status"], ended["error"]) == ("succeeded", None)
    assert ended["result"]["node"] == "bad"
    assert ended["result"]["type"] == "ConnectionError"


async def test_a_tolerated_failure_gives_null_and_fails_nothing(service: Service) -> None:
    ended = await run(service, {"bad": fails(tolerate=True), "next": shows([{"$from": "bad"}])})
    assert (ended["status"], ended["result"]) == ("succeeded", [None])
    assert statuses(ended) == {"bad": "failed", "next": "succeeded"}


async def test_a_result_may_have_any_form(service: Service) -> None:
    nodes = {"a": double(1), "b": double(2)}
    by_name = await run(service, nodes)
    assert by_name["result"] == {"a": 2, "b": 4}
    chosen = await run(service, nodes, result={"sum": [{"$from": "b"}, 1], "of": "two"})
    assert chosen["result"] == {"sum": [4, 1], "of": "two"}
    nothing = await run(service, {}, result=[])
    assert (nothing["status"], nothing["result"], nothing["total"]) == ("succeeded", [], 0)


async def test_a_value_is_put_together_without_running_anything(service: Service) -> None:
    nodes = {
        "a": double(1),
        "pair": {"value": [{"$from": "a"}, "x"]},
        "b": shows({"$from": "pair", "path": "/0"}),
    }
    ended = await run(service, nodes)
    assert (ended["result"], ended["nodes"]["pair"]["task"]) == (2, None)


async def test_labels_go_to_all_nodes_whose_own_win(service: Service) -> None:
    nodes = {"a": double(1, tags=["own"], metadata={"k": "own"}), "b": double(2)}
    ended = await run(service, nodes, tags=["all"], metadata={"k": "all", "m": 1})
    a, b = [await job_of(service, ended["nodes"][name]) for name in "ab"]
    assert (a["tags"], a["metadata"]) == (["own", "all"], {"k": "own", "m": 1})
    assert (b["tags"], b["metadata"]) == (["all"], {"k": "all", "m": 1})
    assert (ended["tags"], ended["metadata"]) == (["all"], {"k": "all", "m": 1})


async def test_a_node_takes_the_fields_of_a_submission(service: Service) -> None:
    nodes = {
        "again": {
            "task": "try.flaky",
            "input": {"failures": 1},
            "retry": {"max_attempts": 3, "backoff_s": 0.05},
            "priority": 9,
            "timeout_s": 20,
        },
        "later": double({"$from": "again", "path": "/0"}, delay_s=0.3),
    }
    ended = await run(service, nodes)
    assert (ended["result"], ended["nodes"]["again"]["error"]) == (4, None)
    again = await job_of(service, ended["nodes"]["again"])
    assert (again["attempt"], again["priority"], again["timeout_s"]) == (2, 9, 20)


async def test_nothing_of_a_workflow_runs_before_its_time(service: Service) -> None:
    view = await submit(service, {"a": double(1), "b": double({"$from": "a"})}, delay_s=0.7)
    assert view["run_at"] is not None
    ended = await end_of(service, view["id"])
    a = await job_of(service, ended["nodes"]["a"])
    instants = (view["created_at"], view["run_at"], a["started_at"])
    created_at, run_at, started_at = map(datetime.fromisoformat, instants)
    assert created_at < run_at <= started_at
    assert ended["result"] == 4


async def test_the_same_key_gives_the_same_workflow(service: Service) -> None:
    async def post(number: int) -> Any:
        return await service.http.post(
            "/v1/workflows",
            json={"nodes": {"a": double(number)}},
            headers={"Idempotency-Key": "graph-7"},
        )

    first, again, other = [await post(number) for number in (1, 1, 2)]
    assert again.json()["id"] == first.json()["id"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-mismatch")


async def test_who_knows_a_workflow_as_it_is_gets_no_more_of_it(service: Service) -> None:
    ended = await run(service, {"a": double(1)})
    path = ended["links"]["self"]
    tag = (await service.http.get(path)).headers["ETag"]
    answer = await service.http.get(path, headers={"If-None-Match": tag})
    assert (answer.status_code, answer.content) == (304, b"")


@pytest.mark.parametrize("rest", ["", "/nodes", "/results", "/events"])
async def test_what_is_no_workflow_is_not_found(service: Service, rest: str) -> None:
    for an_id in ("nonsense", "0199f3a2-7c41-7d0e-9b3a-5f6d2c8e1a47"):
        answer = await service.http.get(f"/v1/workflows/{an_id}{rest}")
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")


async def test_workflows_are_listed_by_what_they_are(service: Service) -> None:
    good = await run(service, {"a": double(1)}, tags=["list-me"])
    bad = await run(service, {"a": fails()}, tags=["list-me"])
    assert await listed(service, tag="list-me") == [bad["id"], good["id"]]
    assert await listed(service, tag="list-me", order="created_at") == [good["id"], bad["id"]]
    assert await listed(service, tag="list-me", status="failed") == [bad["id"]]
    assert await listed(service, tag="list-me", created_before=good["created_at"]) == []
    params: dict[str, str] = {"tag": "list-me", "page_size": "1"}
    first = (await service.http.get("/v1/workflows", params=params)).json()
    token = first["next_page_token"]
    rest = await listed(service, tag="list-me", page_size=1, page_token=token)
    assert ([each["id"] for each in first["workflows"]], rest) == ([bad["id"]], [good["id"]])
    other = await service.http.get("/v1/workflows", params={"tag": "x", "page_token": token})
    assert other.json()["type"] == "/problems/invalid-page-token"


async def test_nodes_come_in_pages_in_declared_order(service: Service) -> None:
    names = [f"n{i:02}" for i in range(7)]
    ended = await run(service, {name: double(1) for name in names})
    path, seen = f"{ended['links']['nodes']}?page_size=3", []
    while path:
        answer = await service.http.get(path)
        seen += answer.json()["nodes"]
        link = answer.headers.get("Link", "")
        path = link.partition(">")[0].removeprefix("<")
    assert seen == names


async def test_many_workflows_at_once_all_end(service: Service) -> None:
    nodes = {"a": double(1), "b": double({"$from": "a"}), "c": double({"$from": "b"})}
    ended = await asyncio.gather(*(run(service, nodes) for _ in range(20)))
    assert {view["result"] for view in ended} == {8}


async def job_of(service: Service, node: dict[str, Any]) -> dict[str, Any]:
    """Return the job of a node."""
    job: dict[str, Any] = (await service.http.get(f"/v1/jobs/{node['id']}")).json()
    return job


async def listed(service: Service, **filters: Any) -> list[str]:
    """Return the ids on a page of workflows."""
    answer = await service.http.get("/v1/workflows", params=filters)
    return [each["id"] for each in answer.json()["workflows"]]
