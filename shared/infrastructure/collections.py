"""The collections and indexes that Warren keeps in MongoDB."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.errors import OperationFailure

from shared.contracts.errors import BadSetting
from shared.infrastructure.mongo import Database, translated

JOBS = "jobs"
LOGS = "job_logs"
TASKS = "tasks"
WORKERS = "workers"
IDEMPOTENCY = "idempotency"
KEYS = "api_keys"
TOMBSTONES = "tombstones"
GRAPHS = "graphs"
NODES = "nodes"
QUEUES = "queues"
LEASES = "leases"
SCHEDULES = "schedules"
PAUSES = "pauses"
LANES = "lanes"
LIMITS = "limits"

BY_ID = "_id_"
"""The index that a write to known ids must use; the planner may prefer one on status."""
IN_LANE = "in_lane"
"""The index on the jobs that stand in line for a key, in their order."""

BELLS = "bells"
"""The index of runnable jobs for which the broker has a bell, by queue and priority."""

HELD_SLOTS = "held_slots"
"""The unique index by which at most one job holds a slot."""

_DAY = 24 * 3600
_WEEK = 7 * _DAY
_WHOLE: dict[str, Any] = {"partialFilterExpression": {"root": True}}
"""Graphs that were submitted, not grown."""

INDEXES: dict[str, list[IndexModel]] = {
    JOBS: [
        IndexModel([("status", ASCENDING), ("_id", DESCENDING)]),
        IndexModel([("task", ASCENDING), ("_id", DESCENDING)]),
        IndexModel([("finished_at", ASCENDING)], sparse=True),
        IndexModel(  # what has no bell yet: each task in the order in which its jobs may run
            [
                ("queue", ASCENDING),
                ("task", ASCENDING),
                ("priority", DESCENDING),
                ("_id", ASCENDING),
            ],
            name="runnable",
            partialFilterExpression={"status": "queued", "published": False},
        ),
        IndexModel(  # what the broker should hold, the oldest bell first; counted without a fetch
            [
                ("queue", ASCENDING),
                ("priority", ASCENDING),
                ("status", ASCENDING),
                ("published", ASCENDING),
                ("published_at", ASCENDING),
            ],
            name=BELLS,
            partialFilterExpression={"status": "queued", "published": True},
        ),
        IndexModel(  # ended or not: jobs that are remembered as long as their task says
            [("retention_s", ASCENDING), ("finished_at", ASCENDING)],
            name="kept",
            partialFilterExpression={"retention_s": {"$exists": True}},
        ),
        IndexModel(
            [("due_at", ASCENDING)],
            name="due",
            partialFilterExpression={"status": "waiting", "due_at": {"$exists": True}},
        ),
        IndexModel(
            [("expires_at", ASCENDING)],
            name="expiring",
            partialFilterExpression={
                "status": {"$in": ["waiting", "queued"]},
                "expires_at": {"$exists": True},
            },
        ),
        IndexModel(
            [("claim.worker", ASCENDING)],
            name="cancelling",
            partialFilterExpression={"status": "running", "cancel_asked_at": {"$exists": True}},
        ),
        IndexModel(  # a schedule submits at most one job for a time, whoever keeps it
            [("schedule_id", ASCENDING), ("nominal_at", DESCENDING)],
            name="nominal",
            unique=True,
            partialFilterExpression={"nominal_at": {"$exists": True}},
        ),
        IndexModel(
            [("schedule_id", ASCENDING)],
            name="scheduled",
            partialFilterExpression={
                "status": {"$in": ["waiting", "queued", "running"]},
                "schedule_id": {"$exists": True},
            },
        ),
        IndexModel(
            [("workflow_id", ASCENDING), ("_id", ASCENDING)],
            name="of_workflow",
            partialFilterExpression={"workflow_id": {"$exists": True}},
        ),
        IndexModel(  # what a watcher of a workflow may have missed
            [("workflow_id", ASCENDING), ("finished_at", ASCENDING)],
            name="ended_in_workflow",
            partialFilterExpression={
                "workflow_id": {"$exists": True},
                "finished_at": {"$exists": True},
            },
        ),
        IndexModel(
            [("tags", ASCENDING), ("_id", DESCENDING)],
            name="tagged",
            partialFilterExpression={"tags": {"$exists": True}},
        ),
        IndexModel(  # one job holds the slot of equal submissions
            [("slot.held", ASCENDING)],
            name=HELD_SLOTS,
            unique=True,
            partialFilterExpression={"slot.held": {"$gt": ""}},
        ),
        IndexModel(  # who stands in line for a key: only these have a lane
            [("lane", ASCENDING), ("priority", DESCENDING), ("_id", ASCENDING)],
            name=IN_LANE,
            partialFilterExpression={"lane": {"$exists": True}},
        ),
        IndexModel(  # of these, the ones that are not to wait for long
            [("when_busy", ASCENDING), ("_id", ASCENDING)],
            name="impatient",
            partialFilterExpression={"lane": {"$exists": True}, "when_busy": {"$exists": True}},
        ),
        IndexModel(
            [("keys", ASCENDING), ("_id", DESCENDING)],
            name="keyed",
            partialFilterExpression={"keys": {"$exists": True}},
        ),
        IndexModel(
            [("unsettled", ASCENDING)],
            name="unsettled",
            partialFilterExpression={"unsettled": True},
        ),
        IndexModel(  # runnable jobs that take from a limit
            [("limits.name", ASCENDING), ("_id", ASCENDING)],
            name="limited",
            partialFilterExpression={"status": "queued", "limits.name": {"$exists": True}},
        ),
        IndexModel(  # who stands in line for a limit, the next one first; and who was called
            [
                ("line", ASCENDING),
                ("status", ASCENDING),
                ("priority", DESCENDING),
                ("_id", ASCENDING),
            ],
            name="lines",
            partialFilterExpression={
                "status": {"$in": ["waiting", "queued"]},
                "line": {"$exists": True},
            },
        ),
    ],
    LOGS: [IndexModel([("job_id", ASCENDING), ("_id", ASCENDING)])],
    WORKERS: [
        IndexModel([("state", ASCENDING), ("lease_until", ASCENDING)]),
        IndexModel([("gone_at", ASCENDING)], expireAfterSeconds=_DAY),
    ],
    SCHEDULES: [
        IndexModel([("next_at", ASCENDING)]),
        IndexModel(
            [("name", ASCENDING)],
            unique=True,
            partialFilterExpression={"name": {"$exists": True}},
        ),
    ],
    GRAPHS: [
        IndexModel([("root", ASCENDING), ("_id", DESCENDING)], name="whole", **_WHOLE),
        IndexModel([("status", ASCENDING), ("_id", DESCENDING)], name="standing", **_WHOLE),
        IndexModel([("tags", ASCENDING), ("_id", DESCENDING)], name="tagged", **_WHOLE),
        IndexModel([("finished_at", ASCENDING)], name="finished", **_WHOLE),
        IndexModel([("workflow_id", ASCENDING)]),
        IndexModel(
            [("owner", ASCENDING)],
            name="grown",
            partialFilterExpression={"owner": {"$exists": True}},
        ),
        IndexModel(  # accepted, and not yet under way
            [("unstarted", ASCENDING), ("_id", ASCENDING)],
            name="unstarted",
            partialFilterExpression={"unstarted": True},
        ),
    ],
    NODES: [IndexModel([("graph", ASCENDING), ("n", ASCENDING)])],
    LIMITS: [
        IndexModel([("lined", ASCENDING)], name="lined", partialFilterExpression={"lined": True}),
        IndexModel(  # limits that were made from a default, and nobody uses any more
            [("used_at", ASCENDING)],
            name="unused",
            expireAfterSeconds=_WEEK,
            partialFilterExpression={"of": {"$exists": True}},
        ),
    ],
    TOMBSTONES: [IndexModel([("at", ASCENDING)], expireAfterSeconds=_WEEK)],
    IDEMPOTENCY: [IndexModel([("at", ASCENDING)], expireAfterSeconds=_DAY)],
}


_RETIRED = {JOBS: ("window", "ended_of_workflow")}
"""Indexes of earlier versions that no query uses any more."""


async def ensure_indexes(database: Database) -> None:
    """Create what is missing; any number of processes may do so at once."""
    for name, indexes in INDEXES.items():
        try:
            with translated():
                await database[name].create_indexes(indexes)
                if retired := _RETIRED.get(name):
                    await _drop(database, name, retired)
        except OperationFailure as error:
            raise BadSetting(
                f"the indexes of {name} differ from what this version needs: {error}; "
                "drop them once, or set another WARREN_MONGO_DB"
            ) from error


async def _drop(database: Database, name: str, indexes: Sequence[str]) -> None:
    there = await database[name].index_information()
    for index in indexes:
        if index in there:
            with suppress(OperationFailure):  # another process was quicker
                await database[name].drop_index(index)
