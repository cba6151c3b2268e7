"""The catalogue, idempotency keys, API keys and log lines in MongoDB."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.contracts.catalogue import TaskEntry
from shared.contracts.errors import StoreUnavailable
from shared.infrastructure.api_keys import ApiKeys, digest_of, new_secret
from shared.infrastructure.background import in_background
from shared.infrastructure.collections import KEYS
from shared.infrastructure.idempotency import Idempotency
from shared.infrastructure.job_reads import JobReads
from shared.infrastructure.job_reports import JobReports, encode_line
from shared.infrastructure.mongo import Database
from shared.infrastructure.task_catalogue import TaskCatalogue
from tests.builders import LATER, NOON, a_running_job
from tests.conformance.store import Store
from tests.conformance.trouble import failing
from tests.eventually import eventually

ADD = TaskEntry(
    name="math.add",
    queue="math",
    execution="loop",
    doc="Add $two numbers.",
    timeout_s=1.5,
    input_schema={
        "$defs": {"Number": {"type": "integer"}},
        "properties": {"x": {"$ref": "#/$defs/Number"}, "a.b": {"const": None}},
        "": {"deep": [[[{"$where": "1"}]]]},
    },
    output_schema={"type": "integer", "maximum": 2**63 - 1},
    examples=({"x": 1}, {"a.b": None}),
)


async def test_a_task_is_read_back_as_it_was_declared(database: Database) -> None:
    catalogue = TaskCatalogue(database)
    plain = TaskEntry(name="text.count", queue="default", execution="thread")
    await catalogue.declare([plain, ADD])
    assert await catalogue.read() == [ADD, plain]


async def test_the_newest_declaration_wins_and_none_at_all_is_fine(database: Database) -> None:
    catalogue = TaskCatalogue(database)
    newer = replace(ADD, doc="Add.", input_schema={}, examples=(), timeout_s=None)
    await catalogue.declare([ADD])
    await catalogue.declare([newer])
    await catalogue.declare([])
    assert await catalogue.read() == [newer]


async def test_many_workers_may_declare_the_same_tasks_at_once(database: Database) -> None:
    catalogue = TaskCatalogue(database)
    await asyncio.gather(*(catalogue.declare([ADD]) for _ in range(8)))
    assert await catalogue.read() == [ADD]


async def test_of_many_requests_with_one_key_exactly_one_is_the_first(database: Database) -> None:
    store = Idempotency(database)
    reserved = await asyncio.gather(
        *(store.reserve("key", fingerprint=f"f{n}", seed=f"s{n}") for n in range(10))
    )
    [first] = [each for each in reserved if each.is_new]
    assert {each.seed for each in reserved} == {first.seed}
    assert {each.fingerprint for each in reserved} == {first.fingerprint}
    assert max(each.at for each in reserved) - first.at < timedelta(milliseconds=1)


async def test_an_answer_is_kept_with_its_key(database: Database) -> None:
    store = Idempotency(database)
    await store.reserve("key", fingerprint="f", seed="s")
    await store.keep_answer("key", '{"$x":1}')
    again = await store.reserve("key", fingerprint="f", seed="other")
    assert (again.answer, again.seed, again.is_new) == ('{"$x":1}', "s", False)


async def test_a_released_key_is_free_again_but_one_with_an_answer_is_not(
    database: Database,
) -> None:
    store = Idempotency(database)
    for key in ("refused", "answered"):
        await store.reserve(key, fingerprint="f", seed="s")
    await store.keep_answer("answered", "{}")
    for key in ("refused", "answered", "unknown"):
        await store.release(key)
    assert (await store.reserve("refused", fingerprint="f", seed="s")).is_new
    assert not (await store.reserve("answered", fingerprint="f", seed="s")).is_new


async def test_a_reservation_that_was_left_is_taken_over_by_one_on_whatever_gateway(
    database: Database,
) -> None:
    store, other = Idempotency(database), Idempotency(database)
    first = await store.reserve("key", fingerprint="f", seed="s")
    assert not (await other.reserve("key", fingerprint="f", seed="t")).left
    store.leave(first)
    assert (await store.reserve("key", fingerprint="f", seed="t")).left  # it knows at once
    async with in_background(store.tell_what_was_left()):

        async def told() -> bool:
            return (await other.reserve("key", fingerprint="f", seed="t")).left

        await eventually(told)
    found = [await each.reserve("key", fingerprint="f", seed="t") for each in (store, other)]
    taken = await asyncio.gather(store.take_over(found[0]), other.take_over(found[1]))
    [winner] = [each for each in taken if each]
    assert winner.seed == "s"
    again = await other.reserve("key", fingerprint="f", seed="t")
    assert (again.left, again.at) == (False, winner.at)


async def test_a_reservation_that_was_made_and_not_answered_for_is_left(store: Store) -> None:
    keys = Idempotency(store.database)
    error = {"code": 64, "errmsg": "waiting for replication timed out"}
    async with failing(store, command="insert", mode="alwaysOn", writeConcernError=error):
        with pytest.raises(StoreUnavailable):
            await keys.reserve("key", fingerprint="f", seed="s")
    found = await keys.reserve("key", fingerprint="f", seed="t")
    assert (found.seed, found.is_new, found.left) == ("s", False, True)
    async with failing(store, command="update", mode="alwaysOn", writeConcernError=error):
        with pytest.raises(StoreUnavailable):
            await keys.take_over(found)
    again = await keys.reserve("key", fingerprint="f", seed="t")
    assert again.at > found.at
    assert again.left


async def test_the_database_holds_digests_and_no_secret(database: Database) -> None:
    keys, secret = ApiKeys(database), new_secret()
    await keys.add("ci", "submit", secret)
    [stored] = await database[KEYS].find({}).to_list(None)
    assert secret not in str(stored)
    [key] = await keys.read()
    assert (key.name, key.role, key.digest) == ("ci", "submit", digest_of(secret))


async def test_a_key_that_is_added_again_gets_the_new_secret_and_role(database: Database) -> None:
    keys, secret = ApiKeys(database), new_secret()
    await keys.add("ci", "read", new_secret())
    await keys.add("ci", "admin", secret)
    [key] = await keys.read()
    assert (key.role, key.digest) == ("admin", digest_of(secret))


async def test_a_removed_key_is_gone(database: Database) -> None:
    keys = ApiKeys(database)
    await keys.add("ci", "read", new_secret())
    assert [await keys.remove("ci"), await keys.remove("ci")] == [True, False]
    assert await keys.read() == []


async def test_secrets_differ_and_are_long() -> None:
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert all(len(each) >= 40 for each in secrets)


async def test_log_lines_are_stored_once_and_read_in_order(database: Database) -> None:
    job, other = a_running_job(attempt=2), a_running_job()
    lines = [
        encode_line(job, level="info", message="$one\0", fields={"$x": {"a.b": 1}}, at=NOON),
        encode_line(job, level="error", message="two", fields={}, at=LATER),
    ]
    reports = JobReports(database)
    await reports.add_lines([lines[1], lines[0]])
    foreign = encode_line(other, level="info", message="x", fields={}, at=NOON)
    await reports.add_lines([*lines, foreign])
    stored = await JobReads(database).logs(job.id)
    assert [(each["message"], each["attempt"], each["fields"]) for each in stored] == [
        ("$one\0", 2, '{"$x":{"a.b":1}}'),
        ("two", 2, "{}"),
    ]
