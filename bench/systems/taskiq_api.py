"""The FastAPI application in front of Taskiq."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from bench.systems.taskiq_app import add, broker, results


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    await broker.startup()
    yield
    await broker.shutdown()


app = FastAPI(lifespan=lifespan)


class Numbers(BaseModel):
    x: int
    y: int


class Accepted(BaseModel):
    id: str


@app.post("/jobs", status_code=202)
async def submit(numbers: Numbers) -> Accepted:
    sent = await add.kiq(numbers.x, numbers.y)
    return Accepted(id=sent.task_id)


@app.get("/jobs/{job_id}")
async def result(job_id: str) -> dict[str, Any]:
    if not await results.is_result_ready(job_id):
        return {"id": job_id, "done": False, "result": None}
    found = await results.get_result(job_id)
    return {"id": job_id, "done": True, "result": found.return_value}
