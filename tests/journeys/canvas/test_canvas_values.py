"""What chains, groups, chords and maps give, on the running service, in any composition."""

from typing import Any

import pytest

from tests.journeys.canvas.conftest import Canvas
from tests.journeys.canvas.tasks import add, flaky, identity, lingers, now, plus, total
from warren import Signature, chain, chord, group


def chain_of(count: int) -> Signature:
    """A chain of steps that gives 1337."""
    return chain(identity.s(1337), *[identity.s()] * (count - 1))


LEAF = identity.s(42)
PAIR = group(LEAF, LEAF)
WIDE = group([LEAF] * 42)
ADDS = group(add.s(i) for i in range(4))
INCREMENTS = group(add.s(1), add.s(1))
SUM_OF_ONES = group(now.s(), now.s()) | total.s()
ONES_IN_A_LIST = chord([now.s(), now.s()], identity.s())
SUM = chord(INCREMENTS, total.s())
THREE_AND_FOUR = group(identity.si(3), identity.si(4))


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        (add.s(4, 4) | add.s(8) | add.s(16), 32),
        (chain(add.s(3, 4)), 7),
        (chain(chain(add.s(2, 4), add.s(36))), 42),
        (
            chain(add.s(2, 2), add.s(4), plus.s(8), add.s(16), add.s(32), ADDS),
            [64, 65, 66, 67],
        ),
        (chain(identity.s(11), group(chain(add.s(1), add.s(2)), add.s(3))), [14, 14]),
        (group(now.s(), identity.s(2), now.s() | THREE_AND_FOUR), [1, 2, [3, 4]]),
        (chain(now.s(), flaky.s()), 1),
    ],
)  # fmt: skip
async def test_a_chain_hands_values_on(canvas: Canvas, signature: Signature, expected: Any) -> None:
    assert await canvas.value(signature) == expected


@pytest.mark.parametrize("count", [1, 2, 3])
async def test_a_chain_of_any_length_between_joins(canvas: Canvas, count: int) -> None:
    body = chain(group(identity.s(2), identity.s(2)), total.s(), *[add.s(1)] * count, INCREMENTS)
    assert await canvas.value(body) == [5 + count, 5 + count]


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        (chain(now.s(), INCREMENTS, group(total.s(), total.s()), total.s()), 8),
        (chain(now.s(), chord(INCREMENTS, total.s()), add.s(1), chord(INCREMENTS, total.s())), 12),
        (chain(now.s(), INCREMENTS, total.s(), add.s(1), INCREMENTS, total.s()), 12),
        (chain(now.s(), *[group(add.s(1), add.s(1)), total.s()] * 3, *[SUM] * 3), 190),
        (chain(now.s(), *[group([add.s(0)] * 3), total.s()] * 9), 3**9),
    ],
)  # fmt: skip
async def test_joins_may_be_implied_or_spelled_out(
    canvas: Canvas, signature: Signature, expected: int
) -> None:
    assert await canvas.value(signature) == expected


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        (PAIR, [42, 42]),
        (chain(LEAF, group(identity.s(), identity.s()), identity.s()), [42, 42]),
        (chain(LEAF, group(identity.s(), identity.s())), [42, 42]),
        (group([]), []),
        (
            group(group(add.s(1, 10), add.s(1, 100)), group(add.s(1, 1000), add.s(1, 2000))),
            [11, 101, 1001, 2001],
        ),
        (group(PAIR), [42, 42]),
        (group(chord(LEAF, identity.s())), [[42]]),
        (chord(group(chain_of(42)), identity.s()), [1337]),
        (group(chord(WIDE, identity.s())), [[42] * 42]),
        (group(chord(chord(LEAF, identity.si(31337)), identity.s())), [[31337]]),
        (
            chord(group(LEAF, chain_of(42), WIDE, chord(LEAF, identity.si(1337))), identity.s()),
            [42, 1337, *[42] * 42, 1337],
        ),
        (group(chord(LEAF, chain(identity.s()))), [[42]]),
    ],
)
async def test_groups_keep_their_order_and_those_in_groups_are_one(
    canvas: Canvas, signature: Signature, expected: Any
) -> None:
    assert await canvas.value(signature) == expected


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        (chord([add.s(1, 1), add.s(1, 1)], total.s()), 4),
        (chord([identity.s(i) for i in range(10)], identity.s()), list(range(10))),
        (chain(identity.s(4), ADDS, add.map(y=8)), [12, 13, 14, 15]),
        (chord([add.s(8, 8)], identity.s()), [16]),
        (group(add.s(8, 8)) | identity.s(), [16]),
        (chord([], identity.s()), []),
        (chord([PAIR], identity.s()), [42, 42]),
        (chord([chain(LEAF, group(identity.s(), identity.s()))], identity.s()), [[42, 42]]),
        (chain(group(now.s() | group(identity.si(5), identity.si(6))), identity.si(11)), 11),
        (
            chord(
                [
                    chord([add.s(1, 2), add.s(3, 4), add.s(2, 3)], identity.s()),
                    chord([add.s(6, 7), add.s(5, 5)], identity.s()),
                ],
                identity.s(),
            ),
            [[3, 7, 5], [13, 10]],
        ),
        (
            chord([chord([ONES_IN_A_LIST, LEAF], identity.s())], identity.s()),
            [[[1, 1], 42]],
        ),
        (group(chord([add.s(2, 3)] * 2, total.s()), chord([add.s(4, 6)], total.s())), [10, 10]),
        (chain(now.s(), SUM, add.s(0), chord([add.s(0)], total.s()), add.s(3)), 7),
        (chord([chord([now.s()] * 2, total.s()), chord([now.s()] * 2, total.s())], total.s()), 4),
        (chord([add.s(1, 2), lingers.s(5)], total.s()), 3),
    ],
)  # fmt: skip
async def test_a_join_is_given_the_list_of_all_values(
    canvas: Canvas, signature: Signature, expected: Any
) -> None:
    assert await canvas.value(signature) == expected


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        (identity.map(range(3)), [0, 1, 2]),
        (add.map([1, 2], y=10), [11, 12]),
        (add.starmap([(1, 2), (3, 4)]), [3, 7]),
        (add.chunks([(i, i) for i in range(5)], 2), [[0, 2], [4, 6], [8]]),
        (identity.s([[1, 2], [3, 4]]) | add.starmap(), [3, 7]),
        (identity.s([]) | identity.map() | total.s(), 0),
        (PAIR | identity.map() | total.s(), 84),
    ],
)
async def test_a_map_makes_a_job_of_each_element(
    canvas: Canvas, signature: Signature, expected: Any
) -> None:
    assert await canvas.value(signature) == expected


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        (add.s(add.s(1, 2), add.s(3, 4)), 10),
        (total.s([LEAF, add.s(1, 1)]), 44),
        (identity.s({"deep": [LEAF]}), {"deep": [42]}),
        (identity.s({"$from": "nobody"}), {"$from": "nobody"}),
        (identity.map([{"$item": "/x"}, {"$literal": 1}]), [{"$item": "/x"}, {"$literal": 1}]),
        (total.s([total.s([now.s(), SUM_OF_ONES]), LEAF, add.s(LEAF, -27)]), 60),
    ],
)  # fmt: skip
async def test_signatures_may_stand_among_arguments(
    canvas: Canvas, signature: Signature, expected: Any
) -> None:
    assert await canvas.value(signature) == expected


async def test_what_is_given_to_the_whole_reaches_all_that_comes_first(canvas: Canvas) -> None:
    assert await canvas.value(chord([identity.s(), identity.s()], identity.s()), 1) == [1, 1]
    assert await canvas.value(chain(chain(chain(identity.s()))), 1) == 1
    fan_out = chain(add.s(), ADDS)
    assert await canvas.value(fan_out, 4, y=9) == [13, 14, 15, 16]
    assert await canvas.value(add.map(y=1), [1, 2]) == [2, 3]


async def test_a_chain_goes_on_with_the_slot_of_its_first_job(canvas: Canvas) -> None:
    ended = await canvas.ended(chain(add.s(0, 1), *[add.s(1)] * 39))
    assert ended.result == 40
    jobs = sorted(await canvas.jobs(ended.id), key=lambda job: job["_id"])
    assert all(job["starts"] == 1 for job in jobs)
    followed = [job for job in jobs if job.get("queued_at") == job["started_at"]]
    assert len(followed) >= 20  # all, unless others waited for this worker
    in_order = [instant for job in jobs for instant in (job["started_at"], job["finished_at"])]
    assert in_order == sorted(in_order)


async def test_a_thousand_side_by_side_and_their_sum(canvas: Canvas) -> None:
    wide = chord([identity.s(i) for i in range(1000)], identity.s())
    values = await canvas.value(wide | group(identity.s(), total.s()))
    assert values == [list(range(1000)), 499500]


async def test_one_feeds_a_thousand(canvas: Canvas) -> None:
    assert (
        await canvas.value(now.s() | group(identity.s() for _ in range(1000)) | total.s()) == 1000
    )


async def test_each_before_comes_before_and_each_after_after(canvas: Canvas) -> None:
    befores, afters = group([now.si()] * 3), group([now.si()] * 2)
    ended = await canvas.ended(chain(befores, identity.si("connect"), afters))
    jobs = await canvas.jobs(ended.id)
    [connect] = [job for job in jobs if job["task"] == "sums.identity"]
    others = [job for job in jobs if job["task"] == "sums.now"]
    before = [job for job in others if job["finished_at"] <= connect["started_at"]]
    after = [job for job in others if job["started_at"] >= connect["finished_at"]]
    assert (len(before), len(after)) == (3, 2)


@pytest.mark.parametrize("widths", [[3, 3, 1, 1], [2, 3, 4]])
async def test_fan_outs_in_a_row_run_each_member_once(canvas: Canvas, widths: list[int]) -> None:
    layers = [group([now.si()] * width) for width in widths]
    ended = await canvas.ended(chain(now.si(), *layers, identity.si("Done")))
    assert ended.result == "Done"
    jobs = await canvas.jobs(ended.id)
    assert len(jobs) == sum(widths) + 2
    assert all(job["starts"] == 1 for job in jobs)


async def test_ten_joins_awaited_at_once_leave_no_subscription(canvas: Canvas) -> None:
    handles = [await canvas.submit(chord([add.s(8, 8), add.s(4, 4)], total.s())) for _ in range(10)]
    assert [await handle.aget(20) for handle in handles] == [24] * 10
