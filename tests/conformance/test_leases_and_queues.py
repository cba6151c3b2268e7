"""Leases by the database's clock, and which queues are held."""

import asyncio
from datetime import timedelta

import pytest

from shared.infrastructure.collections import LEASES
from shared.infrastructure.leases import KEEPER, Leases
from shared.infrastructure.mongo import Database
from shared.infrastructure.queues import Held, Queues
from tests.eventually import eventually

LASTS = timedelta(seconds=60)


@pytest.fixture
def leases(database: Database) -> Leases:
    return Leases(database)


async def test_of_many_that_try_at_once_exactly_one_gets_the_lease(leases: Leases) -> None:
    taken = await asyncio.gather(*(leases.take("k", f"holder-{n}", LASTS) for n in range(20)))
    assert sum(taken) == 1


async def test_only_its_holder_renews_it_and_leaves_its_note(leases: Leases) -> None:
    assert await leases.take("k", "$a", LASTS, note={"n": "$x"})
    assert not await leases.take("k", "b", LASTS, note={"n": 2})
    assert await leases.take("k", "$a", LASTS, note={"$n": 3})
    row = await leases.read("k")
    assert row is not None
    assert (row["holder"], row["note"]) == ("$a", {"$n": 3})
    assert row["ended_s"] < -50


async def test_a_try_that_fails_writes_nothing(database: Database, leases: Leases) -> None:
    await leases.take("k", "a", LASTS)
    before = await database[LEASES].find_one({"_id": "k"})
    await leases.take("k", "b", LASTS)
    assert await database[LEASES].find_one({"_id": "k"}) == before


async def test_a_lease_that_ran_out_or_was_returned_is_free(leases: Leases) -> None:
    await leases.take("k", "a", timedelta(milliseconds=1))
    await eventually(lambda: leases.take("k", "b", LASTS))
    await leases.release("k", "a")  # somebody else's by now: stays
    assert not await leases.take("k", "a", LASTS)
    await leases.release("k", "b")
    assert await leases.take("k", "a", LASTS)


async def test_what_is_held_is_read_back_until_it_is_released(database: Database) -> None:
    queues = Queues(database)
    await queues.hold("mail", True)
    await queues.hold("mail", True)
    await queues.hold("math", True)
    await queues.hold("math", False)
    assert await queues.holding() == {"mail"}
    held = await queues.held()
    assert (held.holds("mail"), held.holds("math")) == (True, False)


async def test_once_the_last_keeper_has_gone_every_queue_is_held(
    database: Database, leases: Leases
) -> None:
    queues = Queues(database)
    assert not (await queues.held()).everything  # none was ever there
    await leases.take(KEEPER, "a", LASTS)
    assert await queues.held() == Held()
    await leases.release(KEEPER, "a")
    assert not (await queues.held()).everything  # perhaps another takes it up
    long_ago = {"$dateSubtract": {"startDate": "$$NOW", "unit": "second", "amount": 31}}
    await database[LEASES].update_one({"_id": KEEPER}, [{"$set": {"until": long_ago}}])
    assert (await queues.held()).holds("anything")
