"""Hooks run once at the end of what they belong to: a node, or the whole."""

from pathlib import Path
from typing import Any

import pytest

from tests.eventually import eventually
from tests.journeys.service import Service
from tests.journeys.tasks import noted
from tests.journeys.workflows import double, fails, run, shows, statuses


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return tmp_path / "good"


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    return tmp_path / "bad"


def hook(ledger: Path, what: Any) -> dict[str, Any]:
    """Return a hook that notes that it ran, and shows something."""
    return {"task": "try.shows", "input": {"what": what, "ledger": str(ledger)}}


def runs(ledger: Path) -> int:
    """Say how often a hook ran."""
    return noted(str(ledger)) if ledger.exists() else 0


async def test_one_of_the_hooks_of_the_whole_runs_once_and_sees_its_result(
    service: Service, good: Path, bad: Path
) -> None:
    hooks: dict[str, Any] = {
        "on_success": hook(good, {"$from": ""}),
        "on_failure": hook(bad, {"$error": ""}),
    }
    ended = await run(service, {"a": double(1), "b": double({"$from": "a"})}, **hooks)
    job = await hook_of_the_whole(service, ended["id"])
    assert (job["result"], job["node"], job["workflow_id"]) == (4, ":on_success", ended["id"])
    assert (runs(good), runs(bad)) == (1, 0)


async def test_the_hook_of_a_failed_whole_learns_what_failed_first(
    service: Service, good: Path, bad: Path
) -> None:
    hooks: dict[str, Any] = {"on_success": hook(good, 1), "on_failure": hook(bad, {"$error": ""})}
    ended = await run(service, {"a": fails(), "b": double({"$from": "a"})}, **hooks)
    job = await hook_of_the_whole(service, ended["id"])
    assert job["result"] == ended["error"]
    assert job["result"]["node"] == "a"
    assert (runs(good), runs(bad)) == (0, 1)


async def test_hooks_of_a_node_run_by_its_end_and_nobody_waits_for_them(
    service: Service, good: Path, bad: Path
) -> None:
    nodes = {
        "a": double(1, on_success=[hook(good, {"$from": ""})], on_failure=hook(bad, 1)),
        "b": double({"$from": "a"}),
        "c": fails(tolerate=True, on_failure=hook(bad, {"$error": ""})),
    }
    ended = await run(service, nodes)
    assert ended["result"] == {"b": 4, "c": None}

    async def hooks_have_ended() -> bool:
        view = (await service.http.get(ended["links"]["self"])).json()
        ends = statuses(view)
        return (ends["a:on_success"], ends["a:on_failure"], ends["c:on_failure"]) == (
            "succeeded",
            "skipped",
            "succeeded",
        )

    await eventually(hooks_have_ended, within=10)
    assert (runs(good), runs(bad)) == (1, 1)


async def test_a_hook_that_fails_changes_nothing(service: Service) -> None:
    nodes = {"a": shows(1, on_success={"task": "try.flaky", "input": {"failures": 9}})}
    ended = await run(service, nodes, on_success={"task": "try.flaky", "input": {"failures": 9}})
    assert (ended["status"], ended["result"]) == ("succeeded", 1)


async def hook_of_the_whole(service: Service, workflow_id: str) -> dict[str, Any]:
    """Return the job of the hook that runs at the end of a workflow, once it has ended."""

    async def it_runs() -> list[Any]:
        view = (await service.http.get(f"/v1/workflows/{workflow_id}")).json()
        hooks: list[Any] = view["hooks"]
        return hooks

    [found] = await eventually(it_runs, within=10)
    return await service.end_of(found["id"])
