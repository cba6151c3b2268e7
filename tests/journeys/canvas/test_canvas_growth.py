"""Workflows that grow while they run: steps that are replaced, steps that spawn."""

from typing import Any

import pytest

from tests.journeys.canvas.conftest import Canvas
from tests.journeys.canvas.tasks import (
    add,
    hands_over,
    identity,
    into_chain,
    into_failure,
    into_hooked,
    into_nothing,
    into_pair,
    joins,
    joins_whole,
    now,
    plus,
    produces,
    tell,
    total,
    waits,
)
from warren import Signature, chain, chord, group

HALVES = [identity.s(20), identity.s(22)]
PAIR = identity.s()


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        (chain(into_chain.s()), 42),
        (chain(into_chain.s(), identity.s()), 42),
        (chain(identity.s(42), into_chain.s(), identity.s()), 42),
        (chain(identity.s(42), identity.s(), into_chain.s()), 42),
        (group(into_chain.s(), identity.s(1337), identity.s(31337)), [42, 1337, 31337]),
        (group(identity.s(42), into_chain.s(1337), identity.s(31337)), [42, 1337, 31337]),
        (group(identity.s(42), identity.s(1337), into_chain.s(31337)), [42, 1337, 31337]),
        (chord([into_chain.s()], identity.s()), [42]),
        (chord([into_chain.s(1), identity.s(2), into_chain.s(3)], identity.s()), [1, 2, 3]),
        (chord(HALVES, chain(total.s(), into_chain.s())), 42),
        (chord(HALVES, chain(total.s(), into_chain.s(), identity.s())), 42),
        (chord([chord([plus.s(8, 10), add.s(5, 6)], total.s()), plus.s(30, 8)], PAIR), [29, 38]),
    ],
)  # fmt: skip
async def test_a_step_that_is_replaced_keeps_its_place(
    canvas: Canvas, signature: Signature, expected: Any
) -> None:
    assert await canvas.value(signature) == expected


async def test_twenty_members_are_each_replaced_by_a_pair(canvas: Canvas) -> None:
    members = group(into_pair.s(x) for x in [2, 4] * 10)
    assert await canvas.value(members) == [[3, 2], [5, 4]] * 10


async def test_what_replaces_a_step_belongs_to_it(canvas: Canvas) -> None:
    view = await canvas.ended(chain(identity.s(1), into_chain.s().named("grows")))
    [owner] = await canvas.jobs(view.id, node="grows")
    children = await canvas.jobs(view.id, parent_id=owner["_id"])
    assert sorted(job["node"] for job in children) == ["grows/identity", "grows/identity-2"]
    assert view.counts["succeeded"] == 4


@pytest.mark.parametrize(
    ("signature", "hooks"),
    [
        (chain(into_hooked.s("x")), 1),
        (chain(into_hooked.s("x")).on_success(tell.s()), 2),
        (chain(into_hooked.s("x").on_success(tell.s())), 2),
        (group(into_chain.s().on_success(tell.s()), identity.s(1)), 1),
        (group(into_chain.s(), identity.s(1)).on_success(tell.s()).on_failure(tell.s()), 1),
    ],
)
async def test_hooks_of_replacements_of_steps_and_of_the_whole_run_once_each(
    canvas: Canvas, signature: Signature, hooks: int
) -> None:
    assert await canvas.told(signature) == hooks


async def test_a_replacement_with_a_hook_gives_its_value(canvas: Canvas) -> None:
    assert await canvas.value(chain(into_hooked.s("x"))) == "Hello world"


@pytest.mark.parametrize(
    ("signature", "hooks"),
    [
        (chain(into_failure.s(hooked=True)), 1),
        (chain(into_failure.s(hooked=True)).on_failure(tell.s()), 2),
        (chain(now.s(), into_failure.si().on_failure(tell.s()), identity.s()), 1),
        (group(into_failure.s().on_failure(tell.s()), identity.s(1)), 1),
    ],
)
async def test_a_replacement_that_fails_fails_its_step_and_names_the_node_within(
    canvas: Canvas, signature: Signature, hooks: int
) -> None:
    error = await canvas.failure(signature)
    assert (error.type, error.message) == ("ValueError", "as it should")
    assert error.node == "into_failure/fail"
    assert await canvas.told(signature) == hooks


async def test_nothing_cannot_replace_a_step(canvas: Canvas) -> None:
    error = await canvas.failure(chain(now.s(), into_nothing.s()))
    assert (error.type, error.node) == ("EmptyReplacement", "into_nothing")


async def test_a_member_lets_others_take_part_in_its_join(canvas: Canvas) -> None:
    assert await canvas.value(chord([joins.s(0)], identity.s())) == [0, 5, 6, 7]
    assert await canvas.value(chord([joins_whole.s(0), identity.s(1)], identity.s())) == [0, 18, 1]


async def test_members_of_a_join_may_come_one_after_the_other(canvas: Canvas) -> None:
    view = await canvas.ended(chord([produces.s(5)], total.s()))
    assert view.result == 10
    [producer] = await canvas.jobs(view.id, task="grow.produces")
    children = await canvas.jobs(view.id, parent_id=producer["_id"])
    first = min(children, key=lambda job: str(job["node"]))
    assert first["finished_at"] < max(job["created_at"] for job in children)


async def test_what_depends_on_a_step_waits_for_what_that_spawned(canvas: Canvas) -> None:
    view = await canvas.ended(chain(waits.s(0.3), identity.s()))
    assert view.result == "done"
    [spawned] = await canvas.jobs(view.id, task="sums.later")
    [after] = await canvas.jobs(view.id, task="sums.identity")
    assert spawned["finished_at"] <= after["started_at"]


async def test_a_job_may_hand_over_the_workflow_that_it_spawned(canvas: Canvas) -> None:
    handle = await canvas.client.submit(hands_over, {})
    told = await handle.aget(20)
    spawned = canvas.client.workflows.handle(told["workflow_id"])
    assert await spawned.aget(20) == [2, [4]]
    assert await (await spawned.node("add")).aget(20) == 2
