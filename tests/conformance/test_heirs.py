"""An end and the claim of the next job in one write: both, or the end alone, never the claim."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from shared.contracts.attempt import Claim, Progress
from shared.contracts.job import Job
from shared.contracts.moves import MOVES, Move, Status
from shared.infrastructure.collections import JOBS
from shared.infrastructure.end_statements import End
from shared.infrastructure.job_claims import JobClaims
from shared.infrastructure.job_ends import JobEnds
from shared.infrastructure.job_moves import JobMoves
from shared.infrastructure.workflow.inheriting import Bequeathed, Bequest, Inheriting, encode, ours
from shared.infrastructure.workflow.node_jobs import NodeJobs
from shared.infrastructure.workflow.values import Before, Values
from tests.builders import LATER, NOON, a_claim, a_job, a_running_job
from tests.conformance.play import Play, succeeded
from tests.conformance.store import Store

OURS = a_claim(token="ours", worker="us")
TASKS = {"one": lambda _: 1, "inc": lambda given: given["x"] + 1}


@pytest.fixture
def inheriting(store: Store) -> Inheriting:
    return Inheriting(store.database, JobEnds(store.database))


async def a_pair(store: Store, *, token: str = "parent", **heir: object) -> Bequest:
    """Put a running job and its heir there; return what its worker writes."""
    waiting = {"status": Status.WAITING, "because": "jobs", "workflow_id": "w", "node": "b"}
    next_one = a_job(**waiting | heir)
    claim = a_claim(token=token)
    parent = a_running_job(workflow_id="w", node="a", heir=next_one.id, claim=claim)
    await store.has(parent, next_one)
    return bequest_of(parent, next_one)


def bequest_of(parent: Job, heir: Job, claim: Claim = OURS) -> Bequest:
    return Bequest(end=End(job=parent, result='"$s"'), heir=heir, claim=claim, at=NOON)


async def written(inheriting: Inheriting, pairs: Sequence[Bequest]) -> Bequeathed:
    """Do as a worker does: all at once, or one by one if that was not possible."""
    if await inheriting.pass_on(pairs):
        assert await inheriting.last(pairs)
        return Bequeathed(late=[], won={pair.end.job.id: ours(pair) for pair in pairs})
    return await inheriting.write(pairs)


async def test_the_job_ends_and_its_heir_is_ours(store: Store, inheriting: Inheriting) -> None:
    pair = await a_pair(store)
    done = await written(inheriting, [pair])
    assert done.late == []
    parent, heir = await store.read(pair.end.job), await store.read(pair.heir)
    assert (parent.status, parent.result, parent.unsettled) == (Status.SUCCEEDED, '"$s"', True)
    assert (parent.version, parent.finished_at is not None) == (3, True)
    assert (heir.status, heir.claim, heir.because) == (Status.RUNNING, OURS, None)
    told = done.won[parent.id]
    as_told = replace(told, queued_at=heir.queued_at, started_at=heir.started_at)
    assert as_told == heir
    assert (heir.queued_at, heir.started_at) != (None, None)


async def test_the_claim_makes_the_move_of_the_table(store: Store, inheriting: Inheriting) -> None:
    sources, target = MOVES[Move.INHERIT]
    pair = await a_pair(store)
    await written(inheriting, [pair])
    assert (await store.read(pair.heir)).status is target
    assert pair.heir.status in sources


async def test_progress_goes_with_the_end(store: Store, inheriting: Inheriting) -> None:
    pair = await a_pair(store)
    told = Progress(current=0.5, message="$x")
    await written(inheriting, [replace(pair, end=replace(pair.end, progress=told))])
    assert (await store.read(pair.end.job)).progress == told


async def test_written_again_it_changes_nothing_and_says_the_same(
    store: Store, inheriting: Inheriting
) -> None:
    pair = await a_pair(store)
    first = await written(inheriting, [pair])
    stored = [await store.raw(pair.end.job), await store.raw(pair.heir)]
    again = await written(inheriting, [pair])
    assert (again.late, again.won) == (first.late, first.won)
    assert [await store.raw(pair.end.job), await store.raw(pair.heir)] == stored


async def test_if_only_the_end_got_through_the_heir_is_claimed_then(
    store: Store, inheriting: Inheriting
) -> None:
    pair = await a_pair(store)
    await JobEnds(store.database).write([pair.end])
    assert pair.end.job.id in (await written(inheriting, [pair])).won
    assert (await store.read(pair.heir)).claim == OURS


async def test_whoever_lost_the_job_does_not_get_its_heir(
    store: Store, inheriting: Inheriting
) -> None:
    pair = await a_pair(store)
    lost = await JobMoves(store.database).apply(
        pair.end.job, pair.end.job.lost_its_worker(at=LATER), at=LATER
    )
    assert lost
    before = [await store.raw(pair.end.job), await store.raw(pair.heir)]
    done = await written(inheriting, [pair])
    assert ([end.job.id for end in done.late], done.won) == ([pair.end.job.id], {})
    assert [await store.raw(pair.end.job), await store.raw(pair.heir)] == before


async def test_a_job_that_is_gone_does_not_come_back(store: Store, inheriting: Inheriting) -> None:
    pair = await a_pair(store)
    await store.jobs.delete_one({"_id": pair.end.job.id})
    done = await written(inheriting, [pair])
    assert ([end.job.id for end in done.late], done.won) == ([pair.end.job.id], {})
    assert await store.jobs.count_documents({}) == 1
    assert (await store.read(pair.heir)).status is Status.WAITING


async def test_an_heir_that_has_changed_stays_as_it_is(
    store: Store, inheriting: Inheriting
) -> None:
    pair = await a_pair(store)
    now = datetime.now(UTC)
    await JobMoves(store.database).apply(pair.heir, pair.heir.cancelled(at=now), at=now)
    done = await written(inheriting, [pair])
    assert (done.late, done.won) == ([], {})
    assert (await store.read(pair.end.job)).status is Status.SUCCEEDED
    assert (await store.read(pair.heir)).status is Status.CANCELLED


async def test_one_that_cannot_spoils_nothing_for_the_others(
    store: Store, inheriting: Inheriting
) -> None:
    pairs = [await a_pair(store, token=f"parent-{n}") for n in range(3)]
    await store.jobs.update_one(
        {"_id": pairs[0].end.job.id}, {"$set": {"claim.token": "somebody else's"}}
    )
    done = await written(inheriting, pairs)
    assert [end.job.id for end in done.late] == [pairs[0].end.job.id]
    assert done.won.keys() == {pair.end.job.id for pair in pairs[1:]}
    statuses = [(await store.read(pair.heir)).status for pair in pairs]
    assert statuses == [Status.WAITING, Status.RUNNING, Status.RUNNING]


async def test_of_two_that_want_an_heir_one_gets_it(store: Store) -> None:
    pair = await a_pair(store)
    opened = JobMoves(store.database).apply(pair.heir, pair.heir.opened(at=LATER), at=LATER)
    assert await opened
    claims = JobClaims(store.database, tasks=["math.add"])
    assert await claims.claim([pair.heir.id], a_claim(token="theirs"))
    reply = await store.database.command({"update": JOBS, "updates": [encode(pair)]})
    assert reply["n"] == 0


# In a workflow


@pytest.fixture
def play(store: Store) -> Play:
    return Play(store.database, TASKS)


async def a_chain(play: Play, *, length: int = 3) -> None:
    nodes: dict[str, object] = {"n0": {"task": "one"}}
    nodes |= {
        f"n{i}": {"task": "inc", "input": {"x": {"$from": f"n{i - 1}"}}} for i in range(1, length)
    }
    await play.submit(nodes=nodes)


async def inherit(play: Play, parent: Job, result: str) -> tuple[Job, Job]:
    """End a job and take its heir; return both as they are then."""
    [heir] = await NodeJobs(play.database).read([parent.heir or ""])
    bequest = Bequest(
        end=End(job=parent, result=result), heir=heir, claim=a_claim(token=heir.id), at=NOON
    )
    done = await written(Inheriting(play.database, JobEnds(play.database)), [bequest])
    assert not done.late
    return await play.job(parent.id), done.won[parent.id]


async def first_of(play: Play) -> Job:
    claims = JobClaims(play.database, tasks=sorted(TASKS))
    [first] = await claims.claim([play.runnable.pop()], a_claim())
    return first


async def test_only_links_of_a_chain_are_named_as_heirs(play: Play) -> None:
    usual = {"task": "one"}
    plan = play.plan(
        at_once=False,
        nodes={
            "a": usual,
            "b": usual | {"after": ["a"]},
            "c": usual | {"after": ["b"]},
            "d": usual | {"after": ["b"]},
            "join": usual | {"after": ["c", "d"]},
            "handler": usual | {"after": ["join"], "run_if": "all_done"},
            "list": usual | {"after": ["handler"], "foreach": [1, 2]},
        },
    )
    named = {job["node"]: job.get("heir") for job in plan.jobs}
    ids = {job["node"]: job["_id"] for job in plan.jobs}
    assert named == dict.fromkeys(ids) | {"a": ids["b"]}


async def test_a_chain_may_run_ahead_of_what_is_noted_of_it(play: Play) -> None:
    await a_chain(play, length=3)
    ended, heir = await inherit(play, await first_of(play), "1")
    second, last = await inherit(play, heir, "2")
    assert await JobEnds(play.database).write([End(job=last, result="3")]) == []
    third = await play.job(last.id)
    progress = await play.advance.advance([third, second, ended], taken={heir.id, last.id})
    assert progress.runnable == []
    assert succeeded(await play.statuses())
    assert ((await play.graph())["status"], await play.result()) == ("succeeded", 3)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
async def test_the_order_in_which_ends_are_noted_makes_no_difference(
    play: Play, order: tuple[int, ...]
) -> None:
    await a_chain(play, length=3)
    ended, heir = await inherit(play, await first_of(play), "1")
    second, last = await inherit(play, heir, "2")
    await JobEnds(play.database).write([End(job=last, result="3")])
    jobs = [ended, second, await play.job(last.id)]
    for place in (*order, *order):
        await play.advance.advance([jobs[place]])
    assert succeeded(await play.statuses())
    assert ((await play.graph())["status"], await play.result()) == ("succeeded", 3)


async def test_a_worker_that_dies_with_an_heir_leaves_a_workflow_that_goes_on(play: Play) -> None:
    await a_chain(play, length=3)
    ended, heir = await inherit(play, await first_of(play), "1")
    now = datetime.now(UTC)
    moves = JobMoves(play.database)
    assert await moves.apply(heir, heir.lost_its_worker(at=now), at=now)  # what the keeper does
    play.runnable.append(heir.id)
    await play.run()  # the end of the first is not noted yet
    assert [path for path, _ in play.ran] == ["n1", "n2"]
    await play.advance.advance([ended])
    assert succeeded(await play.statuses())
    assert ((await play.graph())["status"], await play.result()) == ("succeeded", 3)


async def test_the_value_of_the_job_before_need_not_be_read(play: Play) -> None:
    await a_chain(play)
    _, heir = await inherit(play, await first_of(play), "41")
    values = Values(play.database)
    waited: list[str] = []

    async def lasts() -> None:
        waited.append("until it lasts")

    assert await values.input_of(heir, Before("n0", "41", lasts)) == {"x": 41}
    assert await values.input_of(heir) == {"x": 41}
    assert not waited
    assert await values.input_of(heir, Before("other", "7", lasts)) == {"x": 41}  # not it is meant
    assert waited  # what is read must not be undone while it is used
