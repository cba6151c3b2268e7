"""Bells through a real RabbitMQ: what the ringer may know, and what the consumer hears."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

import pytest

from deploy.local.stack import Stack
from shared.infrastructure import bell_consumer
from shared.infrastructure.bell_consumer import Bell, BellConsumer
from shared.infrastructure.bell_ringer import BellRinger, Rung
from shared.infrastructure.settings import WorkerSettings
from tests.builders import a_job
from tests.conformance.broker import Broker, open_broker
from tests.eventually import eventually


@pytest.fixture
async def broker(stack: Stack, settings: WorkerSettings) -> AsyncIterator[Broker]:
    async with open_broker(stack, settings) as broker:
        yield broker


@pytest.fixture
async def ringer(settings: WorkerSettings) -> AsyncIterator[BellRinger]:
    async with BellRinger(settings, "test-bells").running() as ringer:
        await ringer.link.wait_up()
        yield ringer


@dataclass
class Ear:
    """A consumer, and the bells that it was given."""

    consumer: BellConsumer
    bells: list[Bell] = field(default_factory=list)
    lost: int = 0

    @property
    def heard(self) -> list[str]:
        return [job_id for bell in self.bells for job_id in bell.ids]

    async def up(self) -> None:
        await eventually(lambda: self.consumer.link.up)


OpenEar = Callable[..., AbstractAsyncContextManager[Ear]]


@pytest.fixture
def listening(settings: WorkerSettings) -> OpenEar:
    """Opens consumers that acknowledge what they hear, unless told to hold it."""

    @asynccontextmanager
    async def listen(*queues: str, hold: bool = False) -> AsyncIterator[Ear]:
        acks: list[asyncio.Task[None]] = []

        def hear(bell: Bell) -> None:
            ear.bells.append(bell)
            if not hold:
                acks.append(asyncio.create_task(bell.ack()))

        def lose() -> None:
            ear.lost += 1

        consumer = BellConsumer(settings, "test-ear", queues, on_bell=hear, on_lost=lose)
        ear = Ear(consumer)
        async with consumer.running():
            await ear.up()
            yield ear
            await asyncio.gather(*acks)

    return listen


async def test_a_bell_for_a_queue_that_a_worker_declared_is_confirmed_and_stored(
    broker: Broker, ringer: BellRinger
) -> None:
    await broker.has_queue("mail")
    job = a_job()
    assert await ringer.ring("mail", [job.id], task="mail.send") is Rung.CONFIRMED
    message = await broker.take(broker.names.queue("mail"))
    assert message is not None
    assert message.body == f'{{"id":"{job.id}"}}'.encode()
    assert (message.type, message.content_type) == ("mail.send", "application/json")
    assert message.delivery_mode == 2  # persistent
    assert message.message_id


async def test_a_bell_for_a_queue_that_nobody_declared_comes_back(ringer: BellRinger) -> None:
    assert await ringer.ring("nobody", [a_job().id]) is Rung.RETURNED


async def test_bells_of_all_outcomes_in_flight_together_are_not_mixed_up(
    broker: Broker, ringer: BellRinger
) -> None:
    await broker.has_queue("mail")
    queues = ["mail", "nobody"] * 50
    rung = await asyncio.gather(*(ringer.ring(queue, [a_job().id]) for queue in queues))
    assert rung == [Rung.CONFIRMED, Rung.RETURNED] * 50


async def test_without_a_broker_a_bell_is_unknown_and_later_ones_are_confirmed(
    stack: Stack, broker: Broker, ringer: BellRinger
) -> None:
    await broker.has_queue("mail")
    await stack.rabbit.ctl("stop_app")
    try:
        assert await ringer.ring("mail", [a_job().id]) is Rung.UNKNOWN
    finally:
        await stack.rabbit.ctl("start_app")

    async def confirmed() -> bool:
        return await ringer.ring("mail", [a_job().id]) is Rung.CONFIRMED

    await eventually(confirmed, within=15)


async def test_a_lost_connection_never_makes_a_ring_raise_or_hang(
    broker: Broker, ringer: BellRinger
) -> None:
    await broker.has_queue("mail")
    seen: set[Rung] = set()
    done = asyncio.Event()

    async def keep_ringing() -> None:
        while not done.is_set():
            seen.update(await asyncio.gather(*(ringer.ring("mail", ["x"]) for _ in range(20))))
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        group.create_task(keep_ringing())
        await broker.close_all_connections()
        await eventually(lambda: not ringer.link.up or Rung.UNKNOWN in seen)
        await eventually(lambda: ringer.link.up, within=10)
        seen.clear()
        await eventually(lambda: Rung.CONFIRMED in seen)
        done.set()


async def test_the_consumer_hears_its_queues_and_no_other(
    ringer: BellRinger, listening: OpenEar
) -> None:
    mail, math, other = a_job(), a_job(), a_job()
    async with listening("mail", "math") as ear, listening("other"):
        await ringer.ring("mail", [mail.id])
        await ringer.ring("other", [other.id])
        await ringer.ring("math", [math.id])
        await eventually(lambda: len(ear.heard) == 2)
        assert sorted(ear.heard) == sorted([mail.id, math.id])
        assert [bell.queue for bell in ear.bells] == ["mail", "math"]


async def test_what_was_not_acknowledged_is_heard_again_after_a_lost_connection(
    broker: Broker, ringer: BellRinger, listening: OpenEar
) -> None:
    job = a_job()
    async with listening("mail", hold=True) as ear:
        await ringer.ring("mail", [job.id])
        await eventually(lambda: ear.heard == [job.id])
        lost = ear.lost
        await broker.close_all_connections()
        await eventually(lambda: ear.lost == lost + 1, within=10)
        await eventually(lambda: ear.heard == [job.id, job.id])
        await ear.bells[0].ack()  # of a dead channel: does no harm
        await ear.bells[1].ack()


async def test_a_bell_that_is_given_back_goes_to_another_worker_at_once(
    ringer: BellRinger, listening: OpenEar
) -> None:
    job = a_job()
    async with listening("mail", hold=True) as first:
        await ringer.ring("mail", [job.id])
        await eventually(lambda: first.heard == [job.id])
        await first.consumer.pause()
        async with listening("mail") as second:
            await first.bells[0].give_back()
            await eventually(lambda: second.heard == [job.id])


async def test_a_paused_consumer_hears_nothing_until_it_resumes(
    broker: Broker, ringer: BellRinger, listening: OpenEar
) -> None:
    async with listening("mail") as ear:
        await ear.consumer.pause()
        await ringer.ring("mail", [a_job().id])
        assert await eventually(lambda: broker.count(broker.names.queue("mail"))) == 1
        assert ear.heard == []
        await ear.consumer.resume()
        await eventually(lambda: len(ear.heard) == 1)
        await ear.consumer.pause()
        await ear.consumer.pause()
        await ear.consumer.resume()
        await ear.consumer.resume()
        await ringer.ring("mail", [a_job().id])
        await eventually(lambda: len(ear.heard) == 2)


async def test_a_consumer_that_was_paused_when_the_connection_broke_stays_paused(
    broker: Broker, ringer: BellRinger, listening: OpenEar
) -> None:
    async with listening("mail") as ear:
        await ear.consumer.pause()
        lost = ear.lost
        await broker.close_all_connections()
        await eventually(lambda: ear.lost == lost + 1 and ear.consumer.link.up, within=10)
        await eventually(lambda: ringer.link.up)
        assert await ringer.ring("mail", [a_job().id]) is Rung.CONFIRMED
        await ear.consumer.resume()
        await eventually(lambda: len(ear.heard) == 1)


async def test_a_consumer_whose_queue_was_deleted_notices_and_hears_again(
    broker: Broker, ringer: BellRinger, listening: OpenEar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bell_consumer, "DEAF_AFTER", 0.2)
    async with listening("mail") as ear:
        await broker.channel.queue_delete(broker.names.queue("mail"))
        job = a_job()

        async def heard() -> bool:
            await ear.consumer.rebuild_if_deaf()
            if not ear.heard:
                await ringer.ring("mail", [job.id])
            return ear.heard[:1] == [job.id]

        await eventually(heard, within=10)


async def test_a_consumer_that_is_given_nothing_while_bells_wait_starts_anew(
    broker: Broker, listening: OpenEar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bell_consumer, "DEAF_AFTER", 0.2)
    job = a_job()
    async with listening("mail", hold=True) as ear:
        # As many bells as are delivered without an acknowledgement, and one that has to wait.
        for _ in range(bell_consumer.PREFETCH + 1):
            await broker.publish(broker.names.jobs, "mail", f'{{"id":"{job.id}"}}'.encode())
        await eventually(lambda: len(ear.heard) == bell_consumer.PREFETCH)
        lost = ear.lost

        async def rebuilt() -> bool:
            await ear.consumer.rebuild_if_deaf()
            return ear.lost > lost

        await eventually(rebuilt, within=10)


async def test_a_consumer_can_be_left_at_any_moment_of_its_setup(settings: WorkerSettings) -> None:
    """The AMQP library swallows a cancellation that comes with an answer it waited for."""

    async def leave_after(seconds: float) -> None:
        ear = BellConsumer(settings, "ear", ["mail"], on_bell=lambda _: None, on_lost=lambda: None)
        async with ear.running():
            await asyncio.sleep(seconds)

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        for moment in range(40):
            group.create_task(leave_after(moment * 0.01))


async def test_a_consumer_with_nothing_to_hear_is_not_deaf(
    listening: OpenEar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bell_consumer, "DEAF_AFTER", 0.0)
    async with listening("mail") as ear:
        lost = ear.lost
        for _ in range(3):
            await ear.consumer.rebuild_if_deaf()
        assert (ear.lost, ear.consumer.link.up) == (lost, True)


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b'{"id":"x"}', b'{"ids":[1]}'])
async def test_an_unreadable_message_goes_to_the_dead_letters_with_the_reason(
    broker: Broker, ringer: BellRinger, listening: OpenEar, body: bytes
) -> None:
    job = a_job()
    async with listening("mail") as ear:
        await broker.publish(broker.names.jobs, "mail", body)
        dead = await eventually(lambda: broker.take(broker.names.dead))
        assert dead.body == body
        assert str(dead.headers["x-warren-reason"])
        assert ear.consumer.unreadable == 1
        await ringer.ring("mail", [job.id])  # and what comes after it is heard
        await eventually(lambda: ear.heard == [job.id])
    assert await broker.count(broker.names.queue("mail")) == 0


async def test_the_link_comes_up_again_however_often_it_is_cut(
    broker: Broker, ringer: BellRinger
) -> None:
    await broker.has_queue("mail")

    async def confirmed() -> bool:
        return await ringer.ring("mail", [a_job().id]) is Rung.CONFIRMED

    for _ in range(3):
        await broker.close_all_connections()
        await eventually(confirmed, within=10)


async def test_each_priority_of_a_queue_has_a_stream_of_its_own(
    broker: Broker, ringer: BellRinger, listening: OpenEar
) -> None:
    jobs = {band: a_job().id for band in ("mail", "mail:p0", "mail:p9")}
    async with listening("mail") as ear:
        await ear.consumer.pause()
        for band, job_id in jobs.items():
            assert await ringer.ring(band, [job_id]) is Rung.CONFIRMED
        for band in jobs:
            assert await broker.count(broker.names.queue(band)) == 1
        await ear.consumer.resume()
        await eventually(lambda: len(ear.bells) == 3)
        assert {bell.queue: bell.ids for bell in ear.bells} == {b: [i] for b, i in jobs.items()}
        await ear.consumer.leave(["mail:p9"])
        await ringer.ring("mail:p9", [a_job().id])
        await ringer.ring("mail", [a_job().id])
        await eventually(lambda: len(ear.bells) == 4)
        assert ear.bells[-1].queue == "mail"
        await ear.consumer.resume()
        await eventually(lambda: len(ear.bells) == 5)


async def test_where_only_earlier_workers_are_every_priority_rings_in_the_usual_stream(
    broker: Broker, ringer: BellRinger
) -> None:
    assert await ringer.ring("mail:p9", [a_job().id]) is Rung.RETURNED
    await broker.has_queue("mail")
    assert await ringer.ring("mail:p9", [a_job().id]) is Rung.CONFIRMED
    assert await broker.count(broker.names.queue("mail")) == 1
