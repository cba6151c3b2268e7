"""Hints through a real RabbitMQ: bound on demand, coalesced, and a gap is told."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial

import pytest

from deploy.local.stack import Stack
from shared.contracts.events import NEW_JOBS, Hint, encode_hints, hint_of, shard_key
from shared.contracts.ids import nth_id
from shared.contracts.job import Job
from shared.infrastructure.hint_feed import HintFeed
from shared.infrastructure.hint_sender import HintSender
from shared.infrastructure.settings import WorkerSettings
from tests.builders import a_job
from tests.conformance.broker import Broker, open_broker
from tests.eventually import eventually


@pytest.fixture
async def broker(stack: Stack, settings: WorkerSettings) -> AsyncIterator[Broker]:
    async with open_broker(stack, settings) as broker:
        yield broker


@pytest.fixture
async def sender(settings: WorkerSettings) -> AsyncIterator[HintSender]:
    async with HintSender(settings, "test-hints").running() as sender:
        await sender.link.wait_up()
        yield sender


@dataclass
class Gateway:
    """A feed, and what it handed on."""

    feed: HintFeed
    messages: list[list[Hint]] = field(default_factory=list)
    gaps: int = 0

    @property
    def hints(self) -> list[Hint]:
        return [hint for message in self.messages for hint in message]

    def heard(self, job: Job) -> bool:
        return hint_of(job) in self.hints


def a_gateway(settings: WorkerSettings) -> Gateway:
    def gap() -> None:
        opened.gaps += 1

    def take(hints: list[Hint]) -> None:
        opened.messages.append(hints)

    opened = Gateway(HintFeed(settings, "test-feed", on_hints=take, on_gap=gap))
    return opened


@pytest.fixture
async def gateway(settings: WorkerSettings) -> AsyncIterator[Gateway]:
    gateway = a_gateway(settings)
    async with gateway.feed.running():
        await gateway.feed.link.wait_up()
        yield gateway


async def test_only_hints_under_wanted_keys_arrive(gateway: Gateway, sender: HintSender) -> None:
    wanted = a_job()
    other = next(job for job in map(_nth_job, range(100)) if not _share_a_shard(job.id, wanted.id))
    await gateway.feed.want(shard_key(wanted.id))
    sender.tell([hint_of(other), hint_of(wanted)])
    sender.tell_of_new([hint_of(wanted)])
    await eventually(lambda: gateway.hints)
    assert gateway.hints == [hint_of(wanted)]


async def test_wanting_a_key_returns_once_its_hints_arrive(
    gateway: Gateway, sender: HintSender
) -> None:
    for number in range(20):
        job = _nth_job(number)
        await gateway.feed.want(shard_key(job.id))
        sender.tell([hint_of(job)])
        await eventually(partial(gateway.heard, job))


async def test_new_jobs_are_told_under_a_key_of_their_own(
    gateway: Gateway, sender: HintSender
) -> None:
    await gateway.feed.want(NEW_JOBS)
    job = a_job(tags=("a",))
    sender.tell_of_new([hint_of(job)])
    await eventually(lambda: gateway.hints == [hint_of(job)])


async def test_newer_hints_of_a_job_replace_older_ones_that_were_not_sent(
    gateway: Gateway, sender: HintSender
) -> None:
    job = a_job()
    await gateway.feed.want(shard_key(job.id))
    for event in ("job.running", "job.progress", "job.succeeded"):
        sender.tell([hint_of(job, event)])
    await eventually(lambda: gateway.hints)
    assert gateway.hints == [hint_of(job, "job.succeeded")]


async def test_hints_that_can_wait_go_with_the_next_ones_and_soon_by_themselves(
    gateway: Gateway, sender: HintSender
) -> None:
    first, second = _two_of_one_shard()
    await gateway.feed.want(shard_key(first.id))
    sender.tell([hint_of(first)], can_wait=True)
    sender.tell([hint_of(second)])
    await eventually(lambda: len(gateway.hints) == 2)
    assert len(gateway.messages) == 1
    sender.tell([hint_of(first)], can_wait=True)
    await eventually(lambda: len(gateway.hints) == 3, within=1)


async def test_many_hints_at_once_travel_in_few_messages(
    gateway: Gateway, sender: HintSender
) -> None:
    await gateway.feed.want("job.*")
    jobs = [_nth_job(number) for number in range(1000)]
    sender.tell(map(hint_of, jobs))
    await eventually(lambda: len(gateway.hints) == 1000)
    assert len(gateway.messages) == 1


async def test_what_is_told_last_before_the_end_is_still_sent(
    settings: WorkerSettings, gateway: Gateway
) -> None:
    job = a_job()
    await gateway.feed.want(shard_key(job.id))
    async with HintSender(settings, "short").running() as sender:
        await sender.link.wait_up()
        sender.tell([hint_of(job)], can_wait=True)
    await eventually(lambda: gateway.hints == [hint_of(job)])


async def test_what_is_told_without_a_broker_is_kept_up_to_a_bound(
    settings: WorkerSettings, gateway: Gateway
) -> None:
    await gateway.feed.want("job.*")
    sender = HintSender(settings, "late")
    sender.tell(hint_of(_nth_job(number)) for number in range(25_000))
    async with sender.running():
        await eventually(lambda: len(gateway.hints) >= 20_000)
    assert len(gateway.hints) == 20_000


async def test_a_new_connection_says_that_there_was_a_gap_and_keeps_what_is_wanted(
    broker: Broker, gateway: Gateway, sender: HintSender
) -> None:
    job = a_job()
    await gateway.feed.want(shard_key(job.id))
    gaps = gateway.gaps
    await broker.close_all_connections()
    await eventually(lambda: gateway.gaps == gaps + 1 and gateway.feed.link.up, within=10)
    await eventually(lambda: sender.link.up, within=10)
    sender.tell([hint_of(job)])
    await eventually(lambda: gateway.hints == [hint_of(job)])


async def test_what_is_wanted_while_the_feed_connects_is_heard(
    settings: WorkerSettings, broker: Broker
) -> None:
    gateway = a_gateway(settings)
    wanted: list[str] = []
    async with gateway.feed.running():
        while not gateway.feed.link.up:  # at each moment of the setup something new is wanted
            wanted.append(f"job.x{len(wanted)}")
            await gateway.feed.want(wanted[-1])
            await asyncio.sleep(0.005)
        for key in wanted:
            hint = hint_of(a_job(), key)
            await broker.publish(broker.names.events, key, encode_hints([hint]))
        await eventually(lambda: len(gateway.hints) == len(wanted))


async def test_junk_among_the_hints_is_passed_over(broker: Broker, gateway: Gateway) -> None:
    job = a_job()
    await gateway.feed.want("job.7")
    for body in (b"", b"\xff", b"[[]]", b"{}", b"[[1,2,3,4,[]]]", b'[[["x"],"e","t","q",[]]]'):
        await broker.publish(broker.names.events, "job.7", body)
    await broker.publish(broker.names.events, "job.7", encode_hints([hint_of(job)]))
    await eventually(lambda: gateway.hints == [hint_of(job)])


async def test_two_gateways_hear_the_same_hints(
    settings: WorkerSettings, gateway: Gateway, sender: HintSender
) -> None:
    job, other = a_job(), a_gateway(settings)
    async with other.feed.running():
        await other.feed.link.wait_up()
        for each in (gateway, other):
            await each.feed.want(shard_key(job.id))
        sender.tell([hint_of(job)])
        await eventually(lambda: gateway.hints == other.hints == [hint_of(job)])


def _nth_job(number: int) -> Job:
    return a_job(id=nth_id(f"01890000-{number:04x}-7000-8000-000000000000", 0))


def _share_a_shard(one: str, other: str) -> bool:
    return shard_key(one) == shard_key(other)


def _two_of_one_shard() -> tuple[Job, Job]:
    first = _nth_job(0)
    return first, next(
        job for job in map(_nth_job, range(1, 1000)) if _share_a_shard(job.id, first.id)
    )
