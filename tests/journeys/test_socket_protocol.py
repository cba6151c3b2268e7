"""What `warren.v1` does with clients that do not keep to it."""

import json
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from tests.journeys.service import Service, open_service
from tests.journeys.watcher import Watcher, watcher


async def close_code(watching: Watcher) -> int:
    """Return the code with which the gateway closes the socket."""
    with pytest.raises(ConnectionClosed) as closed:
        await watching.hear_for_ever(within=10)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "{",
        "[]",
        "null",
        '{"type": "greet"}',
        '{"type": "subscribe"}',
        '{"type": "subscribe", "id": 5, "job": "x"}',
        '{"type": "subscribe", "id": "s", "job": "x", "colour": "red"}',
        '{"type": "subscribe", "id": "s", "job": "x", "after": -1}',
        '{"type": "ping", "type": "ping"}',
        '{"type": "ping", "extra": NaN}',
    ],
)
async def test_a_frame_that_is_not_of_the_protocol_closes_with_4400(
    service: Service, frame: str
) -> None:
    async with watcher(service.gateway.websocket_url) as watching:
        await watching.socket.send(frame)

        assert await close_code(watching) == 4400


async def test_a_binary_frame_closes_with_4400(service: Service) -> None:
    async with watcher(service.gateway.websocket_url) as watching:
        await watching.socket.send(b'{"type":"ping"}')

        assert await close_code(watching) == 4400


async def test_a_frame_too_large_closes_the_socket(service: Service) -> None:
    async with watcher(service.gateway.websocket_url) as watching:
        await watching.socket.send('{"type":"' + "x" * 100_000 + '"}')

        assert await close_code(watching) == 1009


async def test_without_the_subprotocol_the_socket_closes_with_4406(service: Service) -> None:
    async with watcher(service.gateway.websocket_url, subprotocols=None) as watching:
        assert await close_code(watching) == 4406


async def test_a_page_of_another_site_cannot_connect(service: Service) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with watcher(service.gateway.websocket_url, origin=Origin("https://evil.example")):
            pass

    assert refused.value.response.status_code == 403


async def test_our_own_page_can_connect(service: Service) -> None:
    async with watcher(
        service.gateway.websocket_url, origin=Origin(service.gateway.url)
    ) as watching:
        await watching.say(type="ping")

        assert (await watching.hear())["type"] == "pong"


async def test_a_subscription_id_used_twice_closes_with_4409(service: Service) -> None:
    job = await service.submit("try.double", {"number": 1, "seconds": 2})
    async with watcher(service.gateway.websocket_url) as watching:
        await watching.say(type="subscribe", id="s", job=job["id"])
        await watching.say(type="subscribe", id="s", job=job["id"])

        assert await close_code(watching) == 4409


async def test_an_ended_subscription_gives_its_id_free(service: Service) -> None:
    job = await service.run("math.add", {"x": 1, "y": 1})
    async with watcher(service.gateway.websocket_url) as watching:
        for _ in range(3):
            await watching.say(type="subscribe", id="s", job=job["id"])
            await watching.hear_until("complete", "s")

    assert watching.events_of("s") == ["job.succeeded"] * 3


@pytest.mark.parametrize(
    ("subject", "slug"),
    [
        ({"job": "nope"}, "invalid-input"),
        ({"job": "01a1fd6f-5fbe-73d1-bcee-b5d129042706"}, "not-found"),
        ({}, "invalid-input"),
        ({"filter": {"colour": "red"}}, "invalid-input"),
        ({"filter": {"status": "asleep"}}, "invalid-input"),
        ({"workflow": "w"}, "invalid-input"),
        ({"channel": "stats"}, "invalid-input"),
    ],
)
async def test_a_subject_that_cannot_be_followed_is_an_error_of_that_subscription_only(
    service: Service, subject: dict[str, Any], slug: str
) -> None:
    async with watcher(service.gateway.websocket_url) as watching:
        await watching.say(type="subscribe", id="s", **subject)
        frame = await watching.hear()
        await watching.say(type="ping")
        pong = await watching.hear()

    assert (frame["type"], frame["id"]) == ("error", "s")
    assert frame["problem"]["type"] == f"/problems/{slug}"
    assert pong == {"type": "pong"}


async def test_an_unsubscribed_job_is_silent(service: Service) -> None:
    job = await service.submit("try.double", {"number": 1, "seconds": 0.5})
    async with watcher(service.gateway.websocket_url) as watching:
        await watching.say(type="subscribe", id="s", job=job["id"])
        await watching.hear()
        await watching.say(type="unsubscribe", id="s")
        await watching.say(type="ping")
        while (await watching.hear())["type"] != "pong":
            pass
        await service.end_of(job["id"])
        await watching.say(type="ping")

        assert (await watching.hear())["type"] == "pong"


@pytest.mark.timeout(120)
async def test_keys_and_bounds_are_kept(service: Service) -> None:
    key = "a-key-that-is-long-enough-for-a-test"
    environment = {
        "WARREN_AUTH": "keys",
        "WARREN_ADMIN_KEY": key,
        "WARREN_MAX_SUBSCRIPTIONS": "2",
    }
    async with open_service(service.stack, "locked", environment) as locked:
        url = locked.gateway.websocket_url
        await _http_needs_the_key(locked, key)
        assert await _closes_after(url) == 4408
        assert await _closes_after(url, {"type": "ping"}) == 4401
        assert await _closes_after(url, {"type": "connection_init", "token": "wrong"}) == 4401
        init = {"type": "connection_init", "token": key}
        subscribe = [{"type": "subscribe", "id": f"s{n}", "filter": {}} for n in range(3)]
        assert await _closes_after(url, init, init) == 4400
        assert await _closes_after(url, init, *subscribe) == 4413


async def _closes_after(url: str, *said: dict[str, Any]) -> int:
    async with watcher(url) as watching:
        for frame in said:
            await watching.socket.send(json.dumps(frame))
        return await close_code(watching)


async def _http_needs_the_key(locked: Service, key: str) -> None:
    job = {"task": "math.add", "input": {"x": 1, "y": 1}}
    none = await locked.http.post("/v1/jobs", json=job)
    wrong = await locked.http.get("/v1/jobs", headers={"Authorization": "Bearer nope"})
    right = await locked.http.post("/v1/jobs", json=job, headers={"Authorization": f"Bearer {key}"})

    assert (none.status_code, none.headers["www-authenticate"]) == (401, "Bearer")
    assert wrong.status_code == 401
    assert right.status_code == 202
    assert (await locked.http.get("/healthz/live")).status_code == 200


async def test_the_subprotocol_is_named_in_the_handshake(service: Service) -> None:
    offered = [Subprotocol("other"), Subprotocol("warren.v1")]
    async with watcher(service.gateway.websocket_url, subprotocols=offered) as watching:
        assert watching.socket.subprotocol == "warren.v1"
