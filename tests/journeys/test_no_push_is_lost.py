"""Whoever asks for a job learns its end: asked before, during or after, cut off, or too slow."""

import asyncio
import json

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed

from tests.eventually import eventually
from tests.journeys.service import Service
from tests.journeys.watcher import watcher


async def test_a_subscriber_sees_a_job_run_and_end(service: Service) -> None:
    job = await service.submit("try.double", {"number": 3, "seconds": 0.3})

    async with watcher(service.gateway.websocket_url) as watching:
        await watching.say(type="connection_init")
        await watching.say(type="subscribe", id="s1", job=job["id"])
        await watching.hear_until("complete", "s1")

    assert watching.told[0] == {"type": "connection_ack"}
    assert watching.events_of("s1")[-1] == "job.succeeded"
    last = [frame for frame in watching.told if frame["type"] == "next"][-1]
    assert (last["job"]["result"], last["seq"]) == (6, last["job"]["version"])
    seqs = [frame["seq"] for frame in watching.told if frame["type"] == "next"]
    assert seqs == sorted(set(seqs))


async def test_a_subscriber_that_comes_after_the_end_gets_it_at_once(service: Service) -> None:
    job = await service.run("math.add", {"x": 1, "y": 2})

    async with watcher(service.gateway.websocket_url) as watching:
        await watching.say(type="subscribe", id="late", job=job["id"])
        await watching.hear_until("complete", "late")

    assert watching.events_of("late") == ["job.succeeded"]


async def test_a_filter_is_in_place_before_the_job_exists(service: Service) -> None:
    async with watcher(service.gateway.websocket_url) as watching:
        await watching.say(type="subscribe", id="all", filter={"tag": "filtered"})
        await watching.say(type="ping")
        assert (await watching.hear())["type"] == "pong"
        job = await service.submit("math.add", {"x": 2, "y": 2}, tags=["filtered"])
        while not watching.told or watching.told[-1].get("event") != "job.succeeded":
            await watching.hear(within=20)

    told = [frame for frame in watching.told if frame["type"] == "next"]
    assert {frame["job"]["id"] for frame in told} == {job["id"]}
    assert told[-1]["job"]["result"] == 4


async def test_many_subscribers_at_any_moment_all_get_the_end(service: Service) -> None:
    async def follow(number: int) -> int:
        delay = (number % 5) * 0.1
        job = await service.submit("try.double", {"number": number, "seconds": 0.2})
        await asyncio.sleep(delay)
        async with watcher(service.gateway.websocket_url) as watching:
            await watching.say(type="subscribe", id="s", job=job["id"])
            await watching.hear_until("complete", "s")
        result: int = watching.told[-2]["job"]["result"]
        return result

    results = await asyncio.gather(*(follow(number) for number in range(40)))

    assert results == [2 * number for number in range(40)]


async def test_a_socket_cut_in_the_middle_and_resumed_misses_no_end(service: Service) -> None:
    job = await service.submit("try.double", {"number": 8, "seconds": 1.5})
    async with watcher(service.gateway.websocket_url) as first:
        await first.say(type="subscribe", id="s", job=job["id"])
        seen = (await first.hear())["seq"]
        first.socket.transport.abort()  # no close frame: the network went away

    await service.end_of(job["id"])
    async with watcher(service.gateway.websocket_url) as second:
        await second.say(type="subscribe", id="s", job=job["id"], after=seen)
        await second.hear_until("complete", "s")

    assert second.events_of("s") == ["job.succeeded"]
    assert second.told[0]["job"]["result"] == 16


async def test_a_client_that_knew_the_end_is_not_told_it_again(service: Service) -> None:
    job = await service.run("math.add", {"x": 1, "y": 2})

    async with watcher(service.gateway.websocket_url) as watching:
        await watching.say(type="subscribe", id="s", job=job["id"], after=job["version"])
        await watching.hear_until("complete", "s")

    assert watching.events_of("s") == []


async def test_server_sent_events_follow_a_job_to_its_end(service: Service) -> None:
    job = await service.submit("try.steps", {"count": 3})

    events, ids = await _read_stream(service, job["id"])

    assert events[-1] == "job.succeeded"
    assert "job.progress" in events
    assert ids == sorted(ids)


async def test_server_sent_events_resume_from_the_last_event_id(service: Service) -> None:
    job = await service.run("math.add", {"x": 1, "y": 2})

    events, _ = await _read_stream(service, job["id"], last=job["version"] - 1)
    nothing, _ = await _read_stream(service, job["id"], last=job["version"])

    assert (events, nothing) == (["job.succeeded"], [])


async def _read_stream(service: Service, job_id: str, last: int = 0) -> tuple[list[str], list[int]]:
    headers = {"Accept": "text/event-stream", "Last-Event-ID": str(last)}
    events: list[str] = []
    ids: list[int] = []
    path = f"/v1/jobs/{job_id}/events"
    async with service.http.stream("GET", path, headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        async for line in answer.aiter_lines():
            name, _, value = line.partition(": ")
            if name == "event":
                events.append(value)
            elif name == "id":
                ids.append(int(value))
            elif name == "data":
                json.loads(value)
    return events, ids


@pytest.mark.timeout(120)
async def test_a_reader_that_does_not_read_is_cut_and_harms_nobody(service: Service) -> None:
    """Fill one socket until the gateway gives it up, while another one is served as ever."""
    padding = "x" * 60_000
    async with watcher(service.gateway.websocket_url, max_queue=1) as lazy:
        await lazy.say(type="subscribe", id="all", filter={"tag": "flood"})
        async with watcher(service.gateway.websocket_url) as eager:
            for number in range(600):
                await service.submit(
                    "math.add", {"x": number, "y": 0}, tags=["flood"], metadata={"padding": padding}
                )
            job = await service.submit("math.add", {"x": 1, "y": 1})
            await eager.say(type="subscribe", id="mine", job=job["id"])
            await eager.hear_until("complete", "mine")

        async def cut() -> bool:
            text = (await service.http.get("/metrics")).text
            return 'warren_ws_cut_total{reason="1013"}' in text

        await eventually(cut, within=40)
        with pytest.raises(ConnectionClosed) as closed:
            await lazy.hear_for_ever(within=30)
    assert closed.value.rcvd is None or closed.value.rcvd.code == 1013


async def test_a_waiting_caller_that_leaves_is_forgotten(service: Service) -> None:
    job = await service.submit("try.double", {"number": 1, "seconds": 2})

    with pytest.raises(httpx2.ReadTimeout):
        await service.http.get(f"/v1/jobs/{job['id']}", headers={"Prefer": "wait=30"}, timeout=0.2)

    assert (await service.end_of(job["id"]))["result"] == 2
