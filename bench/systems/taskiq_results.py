"""Taskiq results in MongoDB: one document a result, written whole and safe to write again.

Written here because the published backend (taskiq-mongodb 0.1.0) cannot be imported beside
taskiq 0.13; this one does less work a result than that one: one index, one small document.
"""

from __future__ import annotations

from typing import Any

from pymongo import AsyncMongoClient
from taskiq import AsyncResultBackend, TaskiqResult

COLLECTION = "results"


class MongoResults(AsyncResultBackend[Any]):  # type: ignore[misc]  # typed only in part
    """Results by task id, in the database that the address names."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def startup(self) -> None:
        self._client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(self._url)
        self._results = self._client.get_default_database()[COLLECTION]

    async def shutdown(self) -> None:
        await self._client.close()

    async def set_result(self, task_id: str, result: TaskiqResult[Any]) -> None:
        document = {"failed": result.is_err, "result": result.model_dump_json()}
        await self._results.replace_one({"_id": task_id}, document, upsert=True)

    async def is_result_ready(self, task_id: str) -> bool:
        return await self._results.find_one({"_id": task_id}, {"_id": 1}) is not None

    async def get_result(self, task_id: str, with_logs: bool = False) -> TaskiqResult[Any]:
        found = await self._results.find_one({"_id": task_id})
        if found is None:
            raise LookupError(f"no result of task {task_id} is stored yet")
        return TaskiqResult[Any].model_validate_json(found["result"])
