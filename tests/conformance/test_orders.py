"""What others want of a worker reaches it: over RabbitMQ at once, through MongoDB in any case."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest

from deploy.local.stack import Stack
from shared.contracts.attempt import Claim
from shared.contracts.control import Order
from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.infrastructure.bell_consumer import BellConsumer
from shared.infrastructure.collections import LOGS
from shared.infrastructure.control_feed import ControlFeed
from shared.infrastructure.control_sender import ControlSender
from shared.infrastructure.hint_sender import HintSender
from shared.infrastructure.job_claims import JobClaims
from shared.infrastructure.job_reports import encode_line
from shared.infrastructure.last_writes import LastWrites
from shared.infrastructure.mongo import DURABLE, Database, open_sync_mongo
from shared.infrastructure.settings import WorkerSettings
from tests.builders import LATER, NOON, a_claim, a_job_in, a_running_job
from tests.conformance.broker import open_broker
from tests.conformance.store import Store
from tests.eventually import eventually


@dataclass
class Ears:
    """What two workers heard, and the connection of the first."""

    sender: ControlSender
    first: list[Order] = field(default_factory=list)
    second: list[Order] = field(default_factory=list)
    consumers: list[BellConsumer] = field(default_factory=list)

    async def hears(self, settings: WorkerSettings, name: str, into: list[Order]) -> BellConsumer:
        feed = ControlFeed(settings, name, on_order=into.append)
        consumer = BellConsumer(
            settings, name, [], on_bell=_no_bell, on_lost=_nothing, beside=feed.listen
        )
        self.consumers.append(consumer)
        return consumer


def _no_bell(_: object) -> None:
    raise AssertionError("a bell was rung")


def _nothing() -> None:
    pass


@pytest.fixture
async def ears(settings: WorkerSettings) -> AsyncIterator[Ears]:
    hints = HintSender(settings, "the gateway")
    ears = Ears(ControlSender(settings, hints))
    async with AsyncExitStack() as exits:
        await exits.enter_async_context(hints.running())
        for name, into in (("first", ears.first), ("second", ears.second)):
            consumer = await ears.hears(settings, name, into)
            await exits.enter_async_context(consumer.running())
            await consumer.link.wait_up()
        await hints.link.wait_up()
        yield ears


async def test_every_worker_hears_every_order(ears: Ears) -> None:
    await ears.sender.cancel(["a", "b"])
    await ears.sender.drain("first")
    said = [Order(cancel=("a", "b")), Order(drain="first")]
    await eventually(lambda: ears.first == ears.second == said)


async def test_many_ids_travel_in_several_messages(ears: Ears) -> None:
    ids = [str(number) for number in range(2500)]
    await ears.sender.cancel(ids)
    await eventually(lambda: len(ears.second) == 3)
    assert [each for order in ears.second for each in order.cancel] == ids


async def test_a_message_that_is_no_order_is_passed_over(
    ears: Ears, stack: Stack, settings: WorkerSettings
) -> None:
    async with open_broker(stack, settings) as broker:
        await broker.publish(broker.names.control, "", b"nonsense")
    await ears.sender.drain("first")
    await eventually(lambda: ears.first == [Order(drain="first")])


async def test_orders_are_heard_again_after_the_connection_was_lost(ears: Ears) -> None:
    link = ears.consumers[0].link
    link.rebuild("the test wants it")
    await eventually(lambda: not link.up)
    await link.wait_up()
    await ears.sender.drain("first")
    await eventually(lambda: ears.first == [Order(drain="first")])


async def test_without_a_connection_an_order_is_lost_in_silence(settings: WorkerSettings) -> None:
    await ControlSender(settings, HintSender(settings, "never opened")).drain("first")


async def test_only_running_jobs_of_ours_that_somebody_cancels_are_to_be_cancelled(
    database: Database, store: Store
) -> None:
    ours, theirs = a_claim(worker="us"), a_claim(worker="they")
    wanted = a_running_job(claim=ours, cancel_asked_at=NOON)
    await store.has(
        wanted,
        a_running_job(claim=ours),
        a_running_job(claim=theirs, cancel_asked_at=NOON),
        a_job_in(Status.SUCCEEDED, claim=ours, cancel_asked_at=NOON),
    )
    assert await JobClaims(database, tasks=[]).to_cancel("us") == [wanted.id]


async def test_last_writes_give_back_what_is_still_ours_and_say_why(
    settings: WorkerSettings, database: Database, store: Store
) -> None:
    [ours] = await store.has_claimed()
    [lost] = await store.has_claimed()
    await _claim_anew(store, lost)
    line = encode_line(ours, level="error", message="it was blocked", fields={}, at=LATER)
    with open_sync_mongo(settings, app="tests") as client:
        writes = LastWrites(client.get_database(database.name, write_concern=DURABLE))
        writes.add_line(line)
        assert writes.hand_back([ours, lost]) == 1
        assert writes.hand_back([]) == 0
    after = await store.read(ours)
    assert (after.status, after.attempt, after.lost) == (Status.QUEUED, 0, 0)
    assert [past.outcome for past in after.past_attempts] == ["handed-back"]
    assert await store.claim_of(lost) == Claim(token="theirs", worker="they")
    stored = await database[LOGS].find_one({"job_id": ours.id})
    assert stored is not None
    assert stored["message"] == "it was blocked"


async def _claim_anew(store: Store, job: Job) -> None:
    """Let another worker have the job."""
    claim = {"token": "theirs", "worker": "they", "alone": False}
    await store.jobs.update_one({"_id": job.id}, {"$set": {"claim": claim}})
