"""Ends: fenced by the claim, safe to repeat, and no bad one spoils its neighbours."""

from dataclasses import replace
from json import dumps

import pytest

from shared.contracts.attempt import Failure, Progress
from shared.contracts.moves import Status
from shared.infrastructure.end_statements import End, encode_end
from shared.infrastructure.job_ends import JobEnds
from shared.infrastructure.job_moves import JobMoves
from shared.infrastructure.job_reports import JobReports
from tests.builders import LATER, a_claim, a_failure, a_job, a_job_in, a_running_job
from tests.conformance.store import Store

MEGABYTE = 1024 * 1024


@pytest.fixture
def ends(store: Store) -> JobEnds:
    return JobEnds(store.database)


async def test_the_holder_of_the_claim_ends_its_jobs(store: Store, ends: JobEnds) -> None:
    good, bad = await store.has_claimed(2)
    late = await ends.write([End(job=good, result="5"), End(job=bad, error=a_failure())])
    assert late == []
    assert (await store.read(good)).result == "5"
    assert (await store.read(bad)).error == a_failure()


async def test_a_stale_token_changes_nothing_and_is_reported_late(
    store: Store, ends: JobEnds
) -> None:
    ours, lost = await store.has_claimed(2)
    await JobMoves(store.database).apply(lost, lost.lost_its_worker(at=LATER), at=LATER)
    before = await store.raw(lost)
    late = await ends.write([End(job=job, result="5") for job in (ours, lost)])
    assert [end.job.id for end in late] == [lost.id]
    assert await store.raw(lost) == before
    assert (await store.read(ours)).status is Status.SUCCEEDED


async def test_the_end_of_an_attempt_that_somebody_repeats_is_late(
    store: Store, ends: JobEnds
) -> None:
    theirs = a_running_job(claim=a_claim(token="theirs", worker="they"))
    await store.has(theirs)
    [late] = await ends.write([End(job=replace(theirs, claim=a_claim()), result="5")])
    assert late.job.id == theirs.id
    assert (await store.read(theirs)).result is None


async def test_an_end_that_is_written_again_after_a_lost_answer_is_not_late(
    store: Store, ends: JobEnds
) -> None:
    jobs = await store.has_claimed(3)
    batch = [End(job=job, result="5") for job in jobs]
    await ends.write(batch[:2])
    assert await ends.write(batch) == []
    assert {(await store.read(job)).version for job in jobs} == {3}


async def test_another_end_than_the_stored_one_is_late(store: Store, ends: JobEnds) -> None:
    [job] = await store.has_claimed()
    await ends.write([End(job=job, result="5")])
    [late] = await ends.write([End(job=job, error=a_failure())])
    assert late.error == a_failure()
    assert (await store.read(job)).status is Status.SUCCEEDED


@pytest.mark.parametrize("status", [each for each in Status if each is not Status.RUNNING])
async def test_an_end_of_a_job_that_is_not_running_is_late(
    store: Store, ends: JobEnds, status: Status
) -> None:
    job = a_job_in(status, claim=None)
    await store.has(job)
    claimed = replace(job, status=Status.RUNNING, claim=a_claim())
    assert len(await ends.write([End(job=claimed, result="5")])) == 1
    assert await store.read(job) == job


TEXTS = ['"$s"', '{"$where":"sleep(1000)"}', '{"a.b":1,"":2,"$set":{"x":1}}', '"\\u0000"', "null"]


@pytest.mark.parametrize("text", TEXTS)
async def test_what_a_task_returns_is_stored_to_the_letter(
    store: Store, ends: JobEnds, text: str
) -> None:
    [job] = await store.has_claimed()
    assert await ends.write([End(job=job, result=text)]) == []
    assert (await store.read(job)).result == text


async def test_an_error_is_stored_to_the_letter(store: Store, ends: JobEnds) -> None:
    error = Failure(
        type="$Type", message="$s \0 \N{GRINNING FACE}", retryable=False, attempt=1, traceback="$t"
    )
    [job] = await store.has_claimed()
    await ends.write([End(job=job, error=error)])
    assert (await store.read(job)).error == error


async def test_large_results_do_not_hold_up_their_neighbours(store: Store, ends: JobEnds) -> None:
    jobs = await store.has_claimed(5)
    sizes = [1, 9 * MEGABYTE, 1, 9 * MEGABYTE, 1]
    batch = [
        End(job=job, result='"' + "x" * size + '"') for job, size in zip(jobs, sizes, strict=True)
    ]
    assert await ends.write(batch) == []
    assert [len((await store.read(job)).result or "") - 2 for job in jobs] == sizes


@pytest.mark.parametrize("size", [15 * MEGABYTE, 17 * MEGABYTE], ids=["with its input", "alone"])
async def test_a_result_that_the_database_cannot_hold_fails_its_job_and_no_other(
    store: Store, ends: JobEnds, size: int
) -> None:
    small, large, other = await store.has_claimed(3)
    await store.jobs.update_one({"_id": large.id}, {"$set": {"input": "x" * 4 * MEGABYTE}})
    batch = [End(job=small, result="1")]
    batch += [End(job=large, result="x" * size)]
    batch += [End(job=other, error=a_failure())]
    assert await ends.write(batch) == []
    assert [(await store.read(job)).status for job in (small, large, other)] == [
        Status.SUCCEEDED,
        Status.FAILED,
        Status.FAILED,
    ]
    error = (await store.read(large)).error
    assert error is not None
    assert (error.type, error.retryable) == ("result-too-large", False)


async def test_results_that_are_written_together_are_not_mixed_up(
    store: Store, ends: JobEnds
) -> None:
    jobs = await store.has_claimed(250)
    results = [dumps([number, *TEXTS]) for number in range(250)]
    batch = [End(job=job, result=result) for job, result in zip(jobs, results, strict=True)]
    assert await ends.write(batch) == []
    stored = {each["_id"]: each["result"] for each in await store.jobs.find({}).to_list(None)}
    assert [stored[job.id] for job in jobs] == results


async def test_of_ends_that_are_written_together_only_the_lost_one_is_late(
    store: Store, ends: JobEnds
) -> None:
    jobs = await store.has_claimed(20)
    await JobMoves(store.database).apply(jobs[7], jobs[7].lost_its_worker(at=LATER), at=LATER)
    late = await ends.write([End(job=job, result="1") for job in jobs])
    assert [end.job.id for end in late] == [jobs[7].id]


async def test_a_full_document_does_not_spoil_ends_that_are_written_together(
    store: Store, ends: JobEnds
) -> None:
    jobs = await store.has_claimed(9)
    full = {"$set": {"input": "x" * (16 * MEGABYTE - 10_000)}}
    await store.jobs.update_one({"_id": jobs[4].id}, full)
    result = dumps("y" * 12_000)
    assert await ends.write([End(job=job, result=result) for job in jobs]) == []
    statuses = [(await store.read(job)).status for job in jobs]
    assert statuses == [Status.SUCCEEDED] * 4 + [Status.FAILED] + [Status.SUCCEEDED] * 4


async def test_a_huge_error_message_fails_its_job_and_no_other(store: Store, ends: JobEnds) -> None:
    small, large = await store.has_claimed(2)
    await store.jobs.update_one({"_id": large.id}, {"$set": {"input": "x" * 4 * MEGABYTE}})
    huge = a_failure(message="x" * 15 * MEGABYTE)
    await ends.write([End(job=small, result="1"), End(job=large, error=huge)])
    assert (await store.read(small)).status is Status.SUCCEEDED
    assert (await store.read(large)).status is Status.FAILED


async def test_giving_a_job_back_needs_the_claim(store: Store, ends: JobEnds) -> None:
    [job] = await store.has_claimed()
    stale = replace(job, claim=a_claim(token="stale"))
    before = await store.raw(job)
    assert not await JobMoves(store.database).apply(stale, stale.handed_back(at=LATER), at=LATER)
    assert await store.raw(job) == before


async def test_giving_a_job_back_twice_gives_it_back_once(store: Store, ends: JobEnds) -> None:
    [job] = await store.has_claimed()
    back = job.handed_back(at=LATER)
    assert [
        await JobMoves(store.database).apply(job, back, at=LATER),
        await JobMoves(store.database).apply(job, back, at=LATER),
    ] == [True, False]
    stored = await store.read(job)
    assert (len(stored.past_attempts), stored.attempt, stored.version) == (1, 0, job.version + 1)


def test_nothing_can_be_encoded_for_a_job_that_nobody_claimed() -> None:
    with pytest.raises(ValueError, match="is not claimed"):
        encode_end(End(job=a_job(), result="5"))


async def test_progress_is_shown_only_while_the_claim_holds(store: Store, ends: JobEnds) -> None:
    ours, lost = await store.has_claimed(2)
    await JobMoves(store.database).apply(lost, lost.lost_its_worker(at=LATER), at=LATER)
    half = Progress(current=1, total=2, message="$half")
    await JobReports(store.database).show_progress([(ours, half), (lost, half)])
    assert (await store.read(ours)).progress == half
    assert (await store.read(ours)).version == ours.version + 1
    assert (await store.read(lost)).progress is None
