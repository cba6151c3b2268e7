"""Watching: every end once, whatever happens to the connection."""

import asyncio
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.unit.warren.gateway import Connection, Gateway, running
from tests.unit.warren.service import Service
from warren import Problem, Unreachable


@pytest.fixture
def watch(
    open_client: Callable[..., Any], service: Service
) -> Iterator[Callable[..., tuple[Any, Gateway]]]:
    """Starts a gateway that plays the scripts, and a client that speaks to it."""
    with_gateways = []

    def start(*scripts: Any, api_key: str | None = None, patience_s: float = 5) -> Any:
        serving = running(Gateway(*scripts))
        gateway = serving.__enter__()
        with_gateways.append(serving)
        client = open_client(
            gateway.url, api_key, patience_s=patience_s, transport=service.transport
        )
        return client, gateway

    yield start
    for serving in with_gateways:
        serving.__exit__(None, None, None)


def told(events: Any) -> list[tuple[str, int]]:
    return [(event.event, event.seq) for event in events]


async def whole_run(connection: Connection) -> None:
    await connection.greet()
    await connection.tell("queued", 1)
    await connection.tell("running", 2)
    await connection.tell("running", 2, event="job.progress")
    await connection.tell("running", 2, event="job.log")
    await connection.tell("succeeded", 3)
    await connection.send({"type": "complete", "id": "watch"})


def test_a_job_is_watched_to_its_end(watch: Any) -> None:
    client, gateway = watch(whole_run)
    assert told(client.watch("1")) == [
        ("job.queued", 1),
        ("job.running", 2),
        ("job.progress", 2),
        ("job.log", 2),
        ("job.succeeded", 3),
    ]
    (connection,) = gateway.connections
    assert connection.init == {"type": "connection_init"}
    assert connection.subscribe == {"type": "subscribe", "id": "watch", "job": "1"}
    assert connection.socket.subprotocol == "warren.v1"


def test_the_key_is_shown_in_the_introduction_and_the_header(watch: Any) -> None:
    client, gateway = watch(whole_run, api_key="secret")
    list(client.watch("1"))
    assert gateway.connections[0].init["token"] == "secret"
    assert gateway.connections[0].socket.request.headers["authorization"] == "Bearer secret"


@pytest.mark.parametrize("code", [1001, 1011, 1013, 4408])
def test_a_cut_connection_is_resumed_where_it_was_cut(watch: Any, code: int) -> None:
    async def cut_after_running(connection: Connection) -> None:
        await connection.greet()
        await connection.tell("queued", 1)
        await connection.tell("running", 4)
        await connection.cut(code)

    async def rest(connection: Connection) -> None:
        await connection.greet()
        await connection.tell("running", 4)
        await connection.tell("succeeded", 5)

    client, gateway = watch(cut_after_running, rest)
    expected = [("job.queued", 1), ("job.running", 4), ("job.succeeded", 5)]
    assert told(client.watch("1")) == expected
    assert gateway.connections[1].subscribe["after"] == 4


def test_a_connection_that_breaks_without_a_word_is_resumed(watch: Any) -> None:
    async def break_off(connection: Connection) -> None:
        await connection.greet()
        await connection.tell("queued", 1)
        connection.socket.transport.abort()

    client, _ = watch(break_off, whole_run)
    assert told(client.watch("1"))[-1] == ("job.succeeded", 3)


def test_a_gateway_that_is_busy_at_first_is_tried_again(watch: Any) -> None:
    client, gateway = watch(whole_run)
    gateway.refuse_with = [503, 502]
    assert told(client.watch("1"))[-1] == ("job.succeeded", 3)


def test_a_gateway_that_is_away_is_unreachable_after_a_while(open_client: Any) -> None:
    client = open_client("http://127.0.0.1:1", patience_s=0.3)
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:1"):
        list(client.watch("1"))


@pytest.mark.parametrize("code", [4400, 4401, 4403, 4406, 4413])
def test_a_refusal_is_final(watch: Any, code: int) -> None:
    async def refuse(connection: Connection) -> None:
        await connection.socket.recv()
        await connection.cut(code)

    client, gateway = watch(refuse)
    with pytest.raises(Problem, match=rf"\(code {code}\)"):
        list(client.watch("1"))
    assert len(gateway.connections) == 1


def test_a_refused_handshake_is_final_and_tells_the_problem(watch: Any) -> None:
    client, gateway = watch(whole_run)
    gateway.refuse_with = [403]
    with pytest.raises(Problem, match="403 not-today"):
        list(client.watch("1"))


def test_a_job_that_does_not_exist_is_told(watch: Any) -> None:
    async def unknown(connection: Connection) -> None:
        await connection.greet()
        problem = {"type": "/problems/not-found", "status": 404, "detail": "there is no job 1"}
        await connection.send({"type": "error", "id": "watch", "problem": problem})

    client, _ = watch(unknown)
    with pytest.raises(Problem, match="404 not-found: there is no job 1"):
        list(client.watch("1"))


def test_an_end_that_was_never_pushed_is_read(watch: Any, service: Service) -> None:
    async def only_complete(connection: Connection) -> None:
        await connection.greet()
        await connection.send({"type": "complete", "id": "watch"})

    service.add(id="1", status="succeeded", result=42, version=9)
    client, _ = watch(only_complete)
    (event,) = client.watch("1")
    assert (event.event, event.seq, event.job.result) == ("job.succeeded", 9, 42)


def test_a_subscription_that_ends_too_early_is_opened_again(watch: Any, service: Service) -> None:
    async def only_complete(connection: Connection) -> None:
        await connection.greet()
        await connection.send({"type": "complete", "id": "watch"})

    service.add(id="1", status="running", version=1)
    client, gateway = watch(only_complete, whole_run)
    assert told(client.watch("1"))[-1] == ("job.succeeded", 3)
    assert len(gateway.connections) == 2


def test_a_filter_is_watched_on_and_on(watch: Any) -> None:
    async def many(connection: Connection) -> None:
        await connection.greet()
        for number in range(1, 4):
            await connection.tell("succeeded", 3, job=str(number))
        await connection.socket.wait_closed()

    client, gateway = watch(many)
    events = client.watch(task="t.f", queue="bulk")
    assert [event.job.id for event in itertools.islice(events, 3)] == ["1", "2", "3"]
    assert gateway.connections[0].subscribe["filter"] == {"task": "t.f", "queue": "bulk"}
    events.close()


def test_what_a_filter_missed_while_nobody_listened_is_read(watch: Any, service: Service) -> None:
    async def then_cut(connection: Connection) -> None:
        await connection.greet()
        await connection.tell("running", 2, job="seen")
        await connection.tell("succeeded", 3, job="ended")
        # While the connection is away one job ends, and another comes and goes.
        service.add(id="seen", status="succeeded", version=3)
        service.add(id="ended", status="succeeded", version=3)
        service.add(id="new", status="failed", version=4)
        await connection.cut()

    async def then_quiet(connection: Connection) -> None:
        await connection.greet()
        await connection.tell("succeeded", 3, job="seen")
        await connection.tell("succeeded", 9, job="last")
        await connection.socket.wait_closed()

    client, _ = watch(then_cut, then_quiet)
    events = client.watch(task="t.f")
    seen = [(event.job.id, event.event, event.seq) for event in itertools.islice(events, 5)]
    assert seen == [
        ("seen", "job.running", 2),
        ("ended", "job.succeeded", 3),
        ("seen", "job.succeeded", 3),
        ("new", "job.failed", 4),
        ("last", "job.succeeded", 9),
    ]
    assert "created_after" in service.last.url.params
    events.close()


def test_a_missed_job_that_is_gone_is_left_out(watch: Any) -> None:
    async def then_cut(connection: Connection) -> None:
        await connection.greet()
        await connection.tell("running", 2, job="vanishes")
        await connection.cut()

    async def then_one(connection: Connection) -> None:
        await connection.greet()
        await connection.tell("running", 1, job="last")
        await connection.socket.wait_closed()

    client, _ = watch(then_cut, then_one)
    events = client.watch(task="t.f")
    assert [event.job.id for event in itertools.islice(events, 2)] == ["vanishes", "last"]
    events.close()


def test_one_job_or_many_but_not_both(watch: Any) -> None:
    client, _ = watch(whole_run)
    with pytest.raises(TypeError, match="not both"):
        client.watch("1", task="t.f")


def test_a_handle_can_be_watched(watch: Any) -> None:
    client, _ = watch(whole_run)
    assert told(client.handle("1").watch())[-1] == ("job.succeeded", 3)


def test_a_connection_that_was_good_for_long_is_not_held_against_it(watch: Any) -> None:
    async def quiet_then_cut(connection: Connection) -> None:
        await connection.greet()
        await asyncio.sleep(0.4)
        await connection.cut()

    client, gateway = watch(quiet_then_cut, whole_run, patience_s=0.3)
    assert told(client.watch("1"))[-1] == ("job.succeeded", 3)
    assert len(gateway.connections) == 2
