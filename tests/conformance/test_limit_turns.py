"""Turns in MongoDB: the same decisions as in the contract, once each, by the database's clock."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.contracts.limits.bucket import Ask, Bucket, corrected, take
from shared.contracts.limits.definition import read_definition
from shared.contracts.limits.pace import pace_of
from shared.infrastructure.collections import LIMITS
from shared.infrastructure.limit_documents import new_document
from shared.infrastructure.limit_turns import LimitTurns
from shared.infrastructure.limits import Limits
from shared.infrastructure.mongo import Database

TEN = read_definition({"rate": 10, "per_s": 1, "burst": 5})
ASKS = st.lists(
    st.builds(
        Ask,
        cost=st.sampled_from([0.5, 1.0, 3.0, 20.0]),
        ahead=st.sampled_from([0.0, 150.0, 1000.0]),
        not_before=st.sampled_from([0.0, 1e15]),
        lead=st.sampled_from([0.0, 30.0]),
        called=st.booleans(),
    ),
    max_size=12,
)


@pytest.fixture
def turns(database: Database) -> LimitTurns:
    return LimitTurns(database)


@pytest.fixture
def limits(database: Database) -> Limits:
    return Limits(database)


async def test_what_was_saved_goes_and_the_others_wait(turns: LimitTurns, limits: Limits) -> None:
    await limits.put("api", TEN)
    taken = await turns.take("api", [Ask()] * 6, owner="w1", batch="b1")
    assert taken is not None
    saved = int(TEN.pace().cap)
    assert [turn.granted for turn in taken.turns] == [True] * saved + [False] * (6 - saved)
    limit = await limits.get("api")
    assert limit is not None
    assert limit.bucket.lined


async def test_a_batch_that_is_sent_again_takes_nothing_twice(
    turns: LimitTurns, limits: Limits
) -> None:
    await limits.put("api", TEN)
    first = await turns.take("api", [Ask()] * 2, owner="w1", batch="b1")
    await turns.take("api", [Ask()], owner="w2", batch="b1")
    before = await limits.get("api")
    assert await turns.take("api", [Ask()] * 2, owner="w1", batch="b1") == first
    after = await limits.get("api")
    assert before is not None
    assert after is not None
    assert after.bucket == before.bucket


async def test_many_workers_at_once_take_no_more_than_there_is(
    turns: LimitTurns, limits: Limits
) -> None:
    await limits.put("api", read_definition({"rate": 1, "per_s": 1000, "burst": 20}))
    taken = await asyncio.gather(
        *(turns.take("api", [Ask()] * 3, owner=f"w{n}", batch=f"b{n}") for n in range(16))
    )
    assert sum(turn.granted for each in taken if each for turn in each.turns) == 19


async def test_a_limit_that_nobody_defined_gives_nothing(turns: LimitTurns) -> None:
    assert await turns.take("nobody", [Ask()], owner="w1", batch="b1") is None


async def test_names_and_batches_are_data(turns: LimitTurns, limits: Limits) -> None:
    await limits.put("$api.{x}", TEN)
    taken = await turns.take("$api.{x}", [Ask()], owner="w1", batch="$$ROOT")
    assert taken is not None
    assert taken.turns[0].granted


async def test_a_correction_moves_the_next_turn(turns: LimitTurns, limits: Limits) -> None:
    await limits.put("api", read_definition({"rate": 1, "per_s": 100, "burst": 3}))
    taken = await turns.take("api", [Ask(), Ask(ahead=1e9)], owner="w1", batch="b1")
    assert taken is not None
    before = await limits.get("api")
    await turns.correct("api", at=taken.turns[0].at, difference=2)
    after = await limits.get("api")
    assert before is not None
    assert after is not None
    assert after.bucket.full_at == before.bucket.full_at + 2 * before.bucket.pace.spacing
    await turns.correct("api", at=0.0, difference=-2)  # before the bucket was last full
    unmoved = await limits.get("api")
    assert unmoved is not None
    assert unmoved.bucket.full_at == after.bucket.full_at


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(asks=ASKS, full=st.integers(-500, 3000), held=st.integers(-500, 500), data=st.data())
async def test_the_store_decides_as_the_contract_does(
    database: Database,
    turns: LimitTurns,
    asks: list[Ask],
    full: int,
    held: int,
    data: st.DataObject,
) -> None:
    lined, probing = data.draw(st.booleans()), data.draw(st.booleans())
    rate, burst = data.draw(st.sampled_from([(10, 5), (10, 1), (200, 4)]))
    pace = pace_of(rate=rate, per_s=1, burst=burst)
    near = 2e12  # an instant that the store's clock has not reached: what is asked is relative
    bucket = Bucket(pace=pace, full_at=near + full, held_until=near + held)
    bucket = replace(bucket, lined=lined, probing=probing, line_ends=near + 100)
    asks = [replace(ask, ahead=ask.ahead + 1e12) for ask in asks]
    document = new_document("api", read_definition({"rate": rate, "burst": burst}))
    document |= {"full_at": bucket.full_at, "held_until": bucket.held_until}
    document |= {"lined": lined, "probing": probing, "line_ends": bucket.line_ends}
    await database[LIMITS].replace_one({"_id": "api"}, document, upsert=True)
    taken = await turns.take("api", asks, owner="w1", batch="b1")
    assert taken is not None
    expected, answers = take(bucket, asks, taken.now)
    assert list(taken.turns) == answers
    stored = await Limits(database).get("api")
    assert stored is not None
    assert stored.bucket == expected
    for turn in answers:
        if turn.granted:
            less = data.draw(st.sampled_from([-1, -0.25, 0.5]))
            expected = corrected(expected, at=turn.at, difference=less)
            await turns.correct("api", at=turn.at, difference=less)
    stored = await Limits(database).get("api")
    assert stored is not None
    assert stored.bucket == expected
