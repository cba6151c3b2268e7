"""The rows of workers: leases by the database's clock, and no worker buried by mistake."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.infrastructure.collections import WORKERS
from shared.infrastructure.heartbeat import Heartbeat
from shared.infrastructure.last_writes import LastWrites
from shared.infrastructure.mongo import Database, Document
from shared.infrastructure.settings import WorkerSettings
from shared.infrastructure.workers import WorkerRow, Workers, enlist, renew
from tests.eventually import eventually

LEASE = timedelta(seconds=15)
GONE = timedelta(seconds=-1)


def a_row(worker: str = "w", **overrides: Any) -> WorkerRow:
    given: dict[str, Any] = {
        "id": worker,
        "host": "here",
        "pid": 1,
        "queues": ("q",),
        "tasks": ("t",),
        "slots": 4,
    }
    return WorkerRow(**given | overrides)


@pytest.fixture
def workers(database: Database) -> Workers:
    return Workers(database)


async def enlisted(database: Database, row: WorkerRow, lease: timedelta = LEASE) -> None:
    await database[WORKERS].update_one({"_id": row.id}, enlist(row, lease), upsert=True)


async def row_of(database: Database, worker: str = "w") -> Document:
    row = await database[WORKERS].find_one({"_id": worker})
    assert row is not None
    return row


async def test_a_new_row_says_who_it_is_and_has_a_lease_by_the_databases_clock(
    database: Database, workers: Workers
) -> None:
    await enlisted(database, a_row())
    [row] = await workers.live()
    assert (row["_id"], row["queues"], row["tasks"], row["slots"]) == ("w", ["q"], ["t"], 4)
    assert row["state"] == "running"
    assert row["lease_until"] - row["beat_at"] == LEASE


async def test_what_a_worker_says_of_itself_is_never_evaluated(database: Database) -> None:
    await enlisted(database, a_row(host="$state", queues=("$q",), tasks=("$$NOW", "$t")))
    row = await row_of(database)
    assert (row["host"], row["queues"], row["tasks"]) == ("$state", ["$q"], ["$$NOW", "$t"])
    counts = {"running": 3, "note": "$state"}
    await database[WORKERS].update_one({"_id": "w"}, renew(LEASE, counts))
    assert (await row_of(database))["counts"] == counts


async def test_only_leases_that_ran_out_are_buried(database: Database, workers: Workers) -> None:
    await enlisted(database, a_row("late"), GONE)
    await enlisted(database, a_row("alive"))
    assert await workers.bury_expired() == ["late"]
    assert [row["_id"] for row in await workers.live()] == ["alive"]
    assert isinstance((await row_of(database, "late"))["gone_at"], datetime)


@pytest.mark.parametrize("lease", [{}, {"lease_until": None}, {"lease_until": "2000-01-01"}])
async def test_a_row_without_a_real_lease_is_not_buried(
    database: Database, workers: Workers, lease: Document
) -> None:
    await database[WORKERS].insert_one({"_id": "odd", "state": "running", **lease})
    assert await workers.bury_expired() == []
    assert (await row_of(database, "odd"))["state"] == "running"


async def test_a_worker_is_buried_once_by_however_many_keepers(
    database: Database, workers: Workers
) -> None:
    await enlisted(database, a_row("late"), GONE)
    buried = await asyncio.gather(*(workers.bury_expired() for _ in range(5)))
    assert sorted(buried) == [[], [], [], [], ["late"]]


async def test_a_lease_that_is_renewed_meanwhile_is_kept(
    database: Database, workers: Workers
) -> None:
    await enlisted(database, a_row(), GONE)
    await database[WORKERS].update_one({"_id": "w"}, renew(LEASE, {}))
    assert await workers.bury_expired() == []


async def test_declaring_dead_tells_who_was_first(database: Database, workers: Workers) -> None:
    await enlisted(database, a_row())
    assert [await workers.bury("w"), await workers.bury("w"), await workers.bury("who")] == [
        True,
        False,
        False,
    ]


async def test_a_draining_worker_lives_and_a_stopped_one_does_not(
    database: Database, workers: Workers
) -> None:
    await enlisted(database, a_row())
    await workers.set_state("w", "draining")
    assert [row["state"] for row in await workers.live()] == ["draining"]
    await workers.set_state("w", "stopped")
    assert await workers.live() == []
    assert "gone_at" in await row_of(database)  # from then on the row may be forgotten


async def test_the_dead_do_not_come_back(database: Database, workers: Workers) -> None:
    await enlisted(database, a_row())
    await workers.bury("w")
    await workers.set_state("w", "running")
    assert (await row_of(database))["state"] == "dead"


@pytest.fixture
async def heartbeat(database: Database, settings: WorkerSettings) -> Any:
    """A heartbeat on the database under test, stopped in the end."""
    ours = settings.model_copy(update={"mongo_db": database.name, "lease_s": 1.0})
    heartbeat = Heartbeat(ours, a_row("beating"), counts=lambda: {"running": 2})
    yield heartbeat
    heartbeat.stop()


async def proves_itself(heartbeat: Heartbeat) -> None:
    def proven() -> bool:
        heartbeat.loop_is_alive()
        return heartbeat.proven

    await eventually(proven)


async def test_a_heartbeat_enlists_its_worker_and_renews_the_lease(
    database: Database, heartbeat: Heartbeat
) -> None:
    assert not heartbeat.proven
    heartbeat.start()
    await proves_itself(heartbeat)
    first = (await row_of(database, "beating"))["lease_until"]

    async def renewed() -> bool:
        heartbeat.loop_is_alive()
        row = await row_of(database, "beating")
        return row["lease_until"] > first and row.get("counts") == {"running": 2}

    await eventually(renewed)
    assert heartbeat.proven


async def test_a_heartbeat_learns_that_its_worker_is_to_drain_and_leaves_it_so(
    database: Database, heartbeat: Heartbeat, workers: Workers
) -> None:
    heartbeat.start()
    await proves_itself(heartbeat)
    assert not heartbeat.draining
    assert await workers.set_state("beating", "draining")

    def noticed() -> bool:
        heartbeat.loop_is_alive()
        return heartbeat.draining

    await eventually(noticed)
    assert heartbeat.proven
    assert await workers.is_draining("beating")


async def test_a_worker_that_enlists_again_goes_on_draining(
    database: Database, workers: Workers
) -> None:
    await enlisted(database, a_row())
    await workers.set_state("w", "draining")
    await enlisted(database, a_row())
    assert await workers.is_draining("w")


async def test_nobody_drains_who_is_gone(workers: Workers, database: Database) -> None:
    await enlisted(database, a_row())
    await workers.bury("w")
    assert await workers.set_state("w", "draining") is False
    assert await workers.is_draining("w") is False
    assert await workers.is_draining("who") is False


async def test_a_loop_that_is_blocked_until_the_lease_is_lost_is_spoken_of_last(
    database: Database, settings: WorkerSettings
) -> None:
    spoken: list[LastWrites] = []
    ours = settings.model_copy(update={"mongo_db": database.name, "lease_s": 1.0})
    heartbeat = Heartbeat(ours, a_row("beating"), counts=dict, on_blocked_out=spoken.append)
    heartbeat.start()
    await proves_itself(heartbeat)
    await eventually(lambda: spoken)  # nobody says that the loop lives
    heartbeat.stop()
    assert not heartbeat.proven


async def test_a_heartbeat_whose_worker_was_declared_dead_proves_nothing_any_more(
    heartbeat: Heartbeat, workers: Workers
) -> None:
    heartbeat.start()
    await proves_itself(heartbeat)
    await workers.bury("beating")

    def noticed() -> bool:
        heartbeat.loop_is_alive()
        return heartbeat.buried

    await eventually(noticed)
    assert not heartbeat.proven


async def test_a_heartbeat_stops_while_the_loop_makes_no_progress(
    database: Database, heartbeat: Heartbeat
) -> None:
    heartbeat.start()
    await proves_itself(heartbeat)
    await eventually(lambda: not heartbeat.proven, within=3)  # nobody says that the loop lives
    lease = (await row_of(database, "beating"))["lease_until"]
    assert lease < datetime.now(UTC) + timedelta(seconds=1)
    await proves_itself(heartbeat)  # as soon as it does again, if nobody has buried us
