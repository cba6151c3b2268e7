"""A workflow as it happens: one stream with the whole and all its jobs, up to its end."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.service import Service
from tests.journeys.watcher import Watcher, watcher
from tests.journeys.workflows import double, fails, run, steer, submit


def ends_of(told: list[dict[str, Any]]) -> list[str]:
    """Return the paths of the nodes whose ends were told, sorted."""
    return sorted(frame["job"]["node"] for frame in told if frame.get("job", {}).get("done"))


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """What the first node waits for: nothing goes on before the snapshot is there."""
    return tmp_path / "gate"


def open_gate(gate: Path | None) -> None:
    """Let the first node end."""
    if gate is not None:
        gate.touch()


def behind(gate: Path, **nodes: Any) -> dict[str, Any]:
    """Return a graph in which all nodes wait for the gate."""
    held = {name: {**node, "after": ["gate"]} for name, node in nodes.items()}
    return {"gate": {"task": "try.awaits", "input": {"path": str(gate)}}, **held}


async def follow(service: Service, workflow_id: str, gate: Path | None = None) -> Watcher:
    """Subscribe to a workflow, open the gate, and listen until it is complete."""
    async with watcher(service.gateway.websocket_url) as client:
        await client.say(type="subscribe", id="s", workflow=workflow_id)
        await client.hear()
        open_gate(gate)
        await client.hear_until("complete", "s")
        return client


async def test_a_subscription_tells_of_the_whole_and_of_all_its_jobs(
    service: Service, gate: Path
) -> None:
    each = double({"$item": ""}, foreach=[1, 2, 3])
    view = await submit(service, behind(gate, a=double(1), each=each, b=double({"$from": "a"})))
    client = await follow(service, view["id"], gate)
    first, *rest, last, complete = client.told
    assert (first["event"], first["workflow"]["id"]) == ("workflow.running", view["id"])
    assert set(first["workflow"]["nodes"]) == {"gate", "a", "b", "each"}
    assert (last["event"], last["workflow"]["result"]) == (
        "workflow.succeeded",
        {"each": [2, 4, 6], "b": 4},
    )
    assert complete["type"] == "complete"
    assert ends_of(rest) == ["a", "b", "each/0", "each/1", "each/2", "gate"]
    assert all(frame["event"].startswith("job.") for frame in rest)
    assert all(frame["job"]["workflow_id"] == view["id"] for frame in rest)


async def test_whoever_comes_late_sees_the_end_at_once(service: Service) -> None:
    ended = await run(service, {"a": fails()})
    client = await follow(service, ended["id"])
    [snapshot, complete] = client.told
    assert (snapshot["event"], snapshot["workflow"]["error"]) == (
        "workflow.failed",
        ended["error"],
    )
    assert complete["type"] == "complete"


async def test_a_cancelled_workflow_tells_of_it(service: Service) -> None:
    view = await submit(service, {"a": double(1, delay_s=600), "b": double({"$from": "a"})})
    async with watcher(service.gateway.websocket_url) as client:
        await client.say(type="subscribe", id="s", workflow=view["id"])
        await client.hear()
        await steer(service, view["id"], "cancel")
        await client.hear_until("complete", "s")
    assert ends_of(client.told) == ["a", "b"]
    assert client.told[-2]["event"] == "workflow.cancelled"


async def test_a_stranger_cannot_be_subscribed_to(service: Service) -> None:
    async with watcher(service.gateway.websocket_url) as client:
        await client.say(type="subscribe", id="a", workflow="0199f3a2-7c41-7d0e-9b3a-5f6d2c8e1a47")
        assert (await client.hear())["problem"]["type"] == "/problems/not-found"
        await client.say(type="subscribe", id="b", workflow="x")
        assert (await client.hear())["problem"]["type"] == "/problems/invalid-input"
        await client.say(type="subscribe", id="c", workflow="x", job="y")
        assert (await client.hear())["problem"]["type"] == "/problems/invalid-input"


async def test_server_sent_events_tell_the_same(service: Service, gate: Path) -> None:
    view = await submit(service, behind(gate, a=double(1)))
    events = await sse(service, view["links"]["events"], gate=gate)
    kinds = [kind for kind, _, _ in events]
    assert (kinds[0], kinds[-1]) == ("workflow.running", "workflow.succeeded")
    assert kinds.count("job.succeeded") == 2
    assert events[-1][2]["result"] == 2
    number = events[-1][1]
    assert await sse(service, view["links"]["events"], last=number) == []


async def sse(
    service: Service, path: str, *, last: str = "", gate: Path | None = None
) -> list[tuple[str, str, Any]]:
    """Return (event, id, data) of a stream that ends; open the gate once it has begun."""
    events = []
    headers = {"Last-Event-ID": last} if last else {}
    async with service.http.stream("GET", path, headers=headers) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        said: dict[str, str] = {}
        async for line in answer.aiter_lines():
            name, _, value = line.partition(": ")
            if line:
                said[name] = value
            elif "event" in said:
                events.append((said["event"], said.get("id", ""), json.loads(said["data"])))
                said = {}
                open_gate(gate)
    return events
