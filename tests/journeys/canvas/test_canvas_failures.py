"""What failures do in workflows: they end them, are told once, and never leave a join hanging."""

import pytest

from tests.journeys.canvas.conftest import Canvas
from tests.journeys.canvas.tasks import add, fail, identity, now, tell, total
from warren import JobFailed, Signature, chain, chord, group

OK = now.s()
FAILS = fail.s()


def with_hooks(signature: Signature) -> Signature:
    return signature.on_success(tell.s()).on_failure(tell.s())


FAILING_HOOKED = fail.si().on_failure(tell.s())


async def test_a_failure_in_the_middle_is_that_of_the_chain_and_nothing_follows(
    canvas: Canvas,
) -> None:
    view = await canvas.ended(chain(add.s(1, 1), FAILS, add.s(1)))
    assert (view.status, view.nodes["fail"].status) == ("failed", "failed")
    assert view.nodes["add-2"].status == "skipped"
    assert view.error is not None
    assert (view.error.node, view.error.type) == ("fail", "ValueError")
    assert view.error.message == "as it should"
    [failed] = await canvas.jobs(view.id, task="sums.fail")
    assert failed["error"]["message"] == "as it should"
    [never] = await canvas.jobs(view.id, node="add-2")
    assert "starts" not in never


async def test_one_member_may_fail_and_each_shows_its_own_end(canvas: Canvas) -> None:
    view = await canvas.ended(group(FAILS, OK))
    assert {name: node.status for name, node in view.nodes.items()} == {
        "fail": "failed",
        "now": "succeeded",
    }
    handle = canvas.client.workflows.handle(view.id)
    assert await (await handle.node("now")).aget() == 1
    with pytest.raises(JobFailed, match="as it should"):
        await (await handle.node("fail")).aget()


async def test_when_a_member_fails_the_body_is_skipped_and_the_others_stay_readable(
    canvas: Canvas,
) -> None:
    view = await canvas.ended(chord([add.s(1, 2), FAILS, add.s(3, 4)], total.s()))
    assert view.error is not None
    assert view.error.node == "fail"
    assert view.nodes["total"].status == "skipped"
    handle = canvas.client.workflows.handle(view.id)
    assert [await (await handle.node(name)).aget() for name in ("add", "add-2")] == [3, 7]
    body = await (await handle.node("total")).refresh()
    assert body.error is not None
    assert body.error.type == "upstream-failed"
    assert "fail failed: ValueError: as it should" in body.error.message


async def test_the_failure_that_came_first_is_the_one_that_is_told(canvas: Canvas) -> None:
    slow = fail.s(after_s=0.5, said="second").named("slow")
    error = await canvas.failure(chord([slow, fail.s(said="first").named("quick")], total.s()))
    assert (error.node, error.message) == ("quick", "first")


@pytest.mark.parametrize(
    "signature",
    [
        chain(FAILS, group(identity.s(), identity.s())),
        chain(OK, group(identity.s(), fail.s())),
        chord([OK, FAILS], total.s()),
        chord([OK, OK], fail.s()),
        chord([OK, chain(OK, fail.s(), identity.s())], total.s()),
        chord([OK, chain(OK, identity.s(), fail.s())], total.s()),
        chord([OK, OK], chain(total.s(), fail.s(), identity.s())),
        chord([OK, OK], chain(total.s(), identity.s(), fail.s())),
        chord([group(OK, FAILS)], total.s()),
        chord([OK, OK], group(fail.s(), identity.s())),
        chord([chord([OK, FAILS], total.s()), OK], total.s()),
        chain(chain(group(OK, FAILS), identity.s()), identity.s()),
        chord([chain(FAILS, group(identity.s(), identity.s())), OK], total.s()),
        chord([OK, FAILS], chain(identity.s(), identity.s())),
        chord([OK, FAILS], group(identity.s(), identity.s())),
        chord([OK, FAILS], chord([identity.s(), identity.s()], identity.s())),
        group([FAILS, OK, OK]),
        group([OK, OK, FAILS]),
    ],
)
async def test_wherever_something_fails_the_whole_says_why_and_its_hook_runs_once(
    canvas: Canvas, signature: Signature
) -> None:
    view = await canvas.ended(signature.on_failure(tell.s()).on_success(identity.si(7)))
    assert view.status == "failed"
    assert view.error is not None
    assert (view.error.type, view.error.message) == ("ValueError", "as it should")
    assert (view.error.node or "").startswith("fail")
    await canvas.all_over(view.id)
    [hook] = await canvas.jobs(view.id, task="sums.tell")
    assert '"job_id":"' + str(view.error.job_id) in hook["result"].replace(" ", "")
    assert view.error.node in hook["result"]


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        (chain(*[with_hooks(identity.s(1337))] + [with_hooks(identity.s())] * 41), 42),
        (chain(*[with_hooks(fail.s())] * 42), 1),
        (group([with_hooks(identity.s(1))] * 42), 42),
        (group([with_hooks(fail.s())] * 42), 42),
        (group([OK] * 24 + [with_hooks(fail.s())] * 42).on_failure(tell.s()), 43),
        (chord([with_hooks(OK), with_hooks(fail.s())], with_hooks(total.s())), 2),
        (chord([OK] * 24 + [FAILS] * 42, total.s()).on_failure(tell.s()), 1),
        (chord([OK, OK], group([now.si()] * 4 + [FAILING_HOOKED] * 6)).on_failure(tell.s()), 7),
        (group(with_hooks(group(now.s(), fail.s(), fail.s()))), 1),
        (group(with_hooks(chord([now.s(), now.s()], total.s()))), 1),
    ],
)
async def test_hooks_of_steps_and_of_the_whole_run_once_each(
    canvas: Canvas, signature: Signature, expected: int
) -> None:
    assert await canvas.told(signature) == expected


@pytest.mark.parametrize("failing", [[0], [1], [0, 2], [0, 1, 2, 3, 4], [4]])
async def test_members_that_fail_have_their_hooks_and_the_whole_has_one(
    canvas: Canvas, failing: list[int]
) -> None:
    count = max(failing) + 1
    plain = [fail.s() if i in failing else now.s() for i in range(count)]
    hooked: list[Signature] = [each.on_failure(tell.s()) for each in plain]
    assert await canvas.told(chord(plain, total.s()).on_failure(tell.s())) == 1
    both = chord(hooked, total.s()).on_failure(tell.s())
    assert await canvas.told(both) == len(failing) + 1


async def test_a_success_hook_is_given_the_value_once_the_whole_has_ended(canvas: Canvas) -> None:
    view = await canvas.ended(group(identity.s(42), identity.s(1337)).on_success(tell.s()))
    assert view.result == [42, 1337]
    await canvas.all_over(view.id)
    [hook] = await canvas.jobs(view.id, task="sums.tell")
    assert hook["result"] == "[42,1337]"


async def test_a_chain_in_a_chain_keeps_its_hook(canvas: Canvas) -> None:
    inner = chain(identity.s("a"), identity.s()).on_success(tell.s())
    view = await canvas.ended(chain(inner, identity.s()))
    assert view.result == "a"
    await canvas.all_over(view.id)
    [hook] = await canvas.jobs(view.id, task="sums.tell")
    assert hook["result"] == '"a"'


async def test_a_step_may_handle_a_failure_and_then_the_whole_succeeds(canvas: Canvas) -> None:
    handler = tell.s().set(run_if="any_failed")
    view = await canvas.ended(chain(fail.s(), handler))
    assert view.status == "succeeded"
    assert (view.result["node"], view.result["type"]) == ("fail", "ValueError")
