"""Reads: pages without gaps or doubles, and whatever a caller searches for is only text."""

from datetime import timedelta
from typing import Any

import pytest

from api.listing import ListQuery, next_token, page_query
from shared.contracts.errors import InvalidInput, NotFound
from shared.contracts.ids import nth_id
from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.infrastructure.job_reads import JobReads
from tests.builders import LATER, NOON, a_failure, a_job, a_job_in
from tests.conformance.store import Store

SECOND = timedelta(seconds=1)


@pytest.fixture
def reads(store: Store) -> JobReads:
    return JobReads(store.database)


async def listed(reads: JobReads, **asked: Any) -> list[Job]:
    page = page_query(ListQuery(**asked))
    return await reads.page(
        page.filters, size=100, newest_first=page.newest_first, after=page.after
    )


async def test_a_job_that_does_not_exist_is_not_found_by_name(reads: JobReads) -> None:
    with pytest.raises(NotFound, match="there is no job nope"):
        await reads.get("nope")


async def test_of_many_ids_those_that_exist_are_read(store: Store, reads: JobReads) -> None:
    jobs = [a_job() for _ in range(1200)]
    await store.has(*jobs)
    ids = [job.id for job in jobs]
    found = await reads.get_many([*ids, a_job().id])
    assert sorted(job.id for job in found) == sorted(ids)
    assert await reads.versions([*ids, a_job().id]) == dict.fromkeys(ids, 1)


@pytest.mark.parametrize("order", ["-created_at", "created_at"])
async def test_pages_show_every_job_once_and_in_order(
    store: Store, reads: JobReads, order: Any
) -> None:
    seed = a_job().id
    jobs = [a_job(id=nth_id(seed, n), tags=("t",)) for n in range(25)]
    await store.has(*jobs, a_job(tags=("other",)))
    query, seen = ListQuery(tag="t", order=order), []
    while True:
        page = page_query(query)
        found = await reads.page(
            page.filters, size=10, newest_first=page.newest_first, after=page.after
        )
        seen += [job.id for job in found]
        if len(found) < 10:
            break
        query = query.model_copy(update={"page_token": next_token(query, seen[-1])})
    ids = [job.id for job in jobs]
    assert seen == (ids if order == "created_at" else ids[::-1])


async def test_every_filter_selects_what_it_says(store: Store, reads: JobReads) -> None:
    plain = a_job()
    queued = a_job(task="mail.send", queue="mail", tags=("a", "b"))
    failed = a_job_in(Status.FAILED, error=a_failure(type="OSError"))
    late = a_job_in(Status.QUEUED, id=a_job(id=nth_id(a_job().id, 1)).id)
    await store.has(plain, queued, failed, late)
    assert [job.id for job in await listed(reads, task="mail.send")] == [queued.id]
    assert [job.id for job in await listed(reads, queue="mail")] == [queued.id]
    assert [job.id for job in await listed(reads, tag="b")] == [queued.id]
    assert [job.id for job in await listed(reads, status="failed")] == [failed.id]
    assert [job.id for job in await listed(reads, error="OSError")] == [failed.id]
    assert len(await listed(reads, created_after=NOON, created_before=NOON + SECOND)) == 4
    assert await listed(reads, created_after=NOON + SECOND) == []
    assert await listed(reads, task="mail.send", status="failed") == []


@pytest.mark.parametrize(
    "text",
    ["a.c", "(", "[", "\\", "$", "^x", "*", "$where", "#", " ", "\t", "\N{GRINNING FACE}", "Ä"],
)
async def test_a_search_is_for_plain_text_without_regard_to_case(
    store: Store, reads: JobReads, text: str
) -> None:
    found = [
        a_job(input=f'{{"x":"before{text.lower()}after"}}'),
        a_job_in(Status.SUCCEEDED, result=f'"{text}"'),
        a_job_in(Status.FAILED, error=a_failure(message=f"no {text.upper()}!")),
    ]
    await store.has(*found, a_job(input='{"x":"abc"}'))
    assert {job.id for job in await listed(reads, q=text)} == {job.id for job in found}


async def test_a_job_is_found_by_a_part_of_its_id(store: Store, reads: JobReads) -> None:
    job = a_job()
    await store.has(job, a_job())
    assert [each.id for each in await listed(reads, q=job.id[-10:])] == [job.id]


@pytest.mark.parametrize("text", ["$ne", '{"$ne":null}', "\0", "a\0b"])
@pytest.mark.parametrize("field", ["task", "queue", "tag", "error"])
async def test_no_text_of_a_filter_is_anything_but_text(
    store: Store, reads: JobReads, field: str, text: str
) -> None:
    await store.has(a_job())
    assert await listed(reads, **{field: text}) == []


async def test_ends_are_read_in_their_order_up_to_a_number(store: Store, reads: JobReads) -> None:
    ended = [
        a_job_in(Status.SUCCEEDED, finished_at=LATER + number * SECOND) for number in (3, 1, 2)
    ]
    await store.has(*ended, a_job())
    found = await reads.ended_since(LATER + SECOND, most=10)
    assert [(each.job_id, each.version) for each in found] == [
        (ended[2].id, ended[2].version),
        (ended[0].id, ended[0].version),
    ]
    assert found[0].at == ended[2].finished_at
    assert len(await reads.ended_since(NOON, most=2)) == 2


async def test_a_search_that_the_database_would_refuse_is_refused_before(reads: JobReads) -> None:
    with pytest.raises(InvalidInput, match="NUL"):
        await listed(reads, q="a\0b")


async def test_fields_of_a_newer_version_are_passed_over(store: Store, reads: JobReads) -> None:
    job = a_job()
    await store.has(job)
    await store.database.jobs.update_one({"_id": job.id}, {"$set": {"of_the_future": 1}})

    assert (await reads.get(job.id)).id == job.id
