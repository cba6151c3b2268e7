"""What the keeper sees of a real RabbitMQ, and what a consumer does whose queue is deleted."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from deploy.local.stack import Stack
from shared.contracts.errors import BrokerUnavailable
from shared.infrastructure.bell_consumer import Bell, BellConsumer
from shared.infrastructure.bell_queues import BellQueues
from shared.infrastructure.bell_ringer import BellRinger
from shared.infrastructure.settings import WorkerSettings
from tests.builders import a_job
from tests.conformance.broker import Broker, open_broker
from tests.eventually import eventually


@pytest.fixture
async def broker(stack: Stack, settings: WorkerSettings) -> AsyncIterator[Broker]:
    async with open_broker(stack, settings) as broker:
        yield broker


@pytest.fixture
async def queues(settings: WorkerSettings) -> AsyncIterator[BellQueues]:
    async with BellQueues(settings, "test-queues").running() as queues:
        await queues.link.wait_up()
        yield queues


async def test_the_depth_of_a_queue_is_what_nobody_has_in_hand(
    broker: Broker, queues: BellQueues
) -> None:
    assert await queues.depth("mail") is None
    await broker.has_queue("mail")
    assert await queues.depth("mail") == 0
    await broker.publish(broker.names.jobs, "mail", b"{}")
    await eventually(lambda: queues.depth("mail"))
    await broker.channel.get_queue(broker.names.queue("mail"), ensure=False)
    await broker.take(broker.names.queue("mail"))
    assert await queues.depth("mail") == 0


async def test_a_broker_is_marked_until_it_loses_the_marker(
    broker: Broker, queues: BellQueues
) -> None:
    assert not await queues.is_marked()
    await queues.mark()
    await queues.mark()
    assert await queues.is_marked()
    await broker.channel.queue_delete(broker.names.marker)
    assert not await queues.is_marked()


async def test_each_connection_is_counted_and_without_one_nothing_is_known(
    broker: Broker, queues: BellQueues
) -> None:
    assert queues.connections == 1
    await broker.close_all_connections()
    await eventually(lambda: queues.connections == 2 and queues.link.up, within=10)
    queues.link.rebuild("the test says so")
    await eventually(lambda: not queues.link.up)
    with pytest.raises(BrokerUnavailable):
        await queues.depth("mail")


async def test_a_bell_says_when_it_was_rung_and_a_deleted_queue_is_declared_again_at_once(
    broker: Broker, settings: WorkerSettings
) -> None:
    bells: list[Bell] = []
    consumer = BellConsumer(
        settings, "test-ear", ["mail"], on_bell=bells.append, on_lost=lambda: None
    )
    async with consumer.running(), BellRinger(settings, "test-bells").running() as ringer:
        await eventually(lambda: consumer.link.up and ringer.link.up)
        await broker.channel.queue_delete(broker.names.queue("mail"))

        async def heard() -> bool:
            await ringer.ring("mail", [a_job().id])
            return bool(bells)

        await eventually(heard, within=3)  # long before it would take itself for deaf
        rung_at = bells[0].rung_at
        assert rung_at is not None
        assert abs(datetime.now(UTC) - rung_at) < timedelta(seconds=5)
