"""The collections and indexes that Warren keeps in MongoDB."""

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

BY_ID = "_id_"
"""The index that a write to known ids must use; the planner may prefer one on status."""

_DAY = 24 * 3600
INDEXES: dict[str, list[IndexModel]] = {
    JOBS: [
        IndexModel([("status", ASCENDING), ("_id", DESCENDING)]),
        IndexModel([("task", ASCENDING), ("_id", DESCENDING)]),
        IndexModel([("finished_at", ASCENDING)], sparse=True),
        IndexModel(  # what the keeper still has to announce, in the order in which it may run
            [("queue", ASCENDING), ("priority", DESCENDING), ("_id", ASCENDING)],
            name="backlog",
            partialFilterExpression={"status": "queued", "published": False},
        ),
        IndexModel(
            [("tags", ASCENDING), ("_id", DESCENDING)],
            name="tagged",
            partialFilterExpression={"tags": {"$exists": True}},
        ),
        IndexModel(
            [("unsettled", ASCENDING)],
            name="unsettled",
            partialFilterExpression={"unsettled": True},
        ),
    ],
    LOGS: [IndexModel([("job_id", ASCENDING), ("_id", ASCENDING)])],
    WORKERS: [
        IndexModel([("state", ASCENDING), ("lease_until", ASCENDING)]),
        IndexModel([("gone_at", ASCENDING)], expireAfterSeconds=_DAY),
    ],
    IDEMPOTENCY: [IndexModel([("at", ASCENDING)], expireAfterSeconds=_DAY)],
}


async def ensure_indexes(database: Database) -> None:
    """Create what is missing; any number of processes may do so at once."""
    for name, indexes in INDEXES.items():
        try:
            with translated():
                await database[name].create_indexes(indexes)
        except OperationFailure as error:
            raise BadSetting(
                f"the indexes of {name} differ from what this version needs: {error}; "
                "drop them once, or set another WARREN_MONGO_DB"
            ) from error
