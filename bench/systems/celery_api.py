"""The FastAPI application in front of Celery."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from celery import chain, chord, group
from fastapi import FastAPI
from pydantic import BaseModel

from bench.systems.celery_app import add, total
from bench.systems.celery_app import app as celery

app = FastAPI()


class Numbers(BaseModel):
    x: int
    y: int


class Accepted(BaseModel):
    id: str


if os.environ["BENCH_ENDPOINT"] == "sync":

    @app.post("/jobs", status_code=202)
    def submit(numbers: Numbers) -> Accepted:
        return Accepted(id=add.apply_async((numbers.x, numbers.y)).id)

else:
    threads = ThreadPoolExecutor(int(os.environ["BENCH_PRODUCERS"]))

    @app.post("/jobs", status_code=202)
    async def submit_from_loop(numbers: Numbers) -> Accepted:
        sent = await asyncio.get_running_loop().run_in_executor(
            threads, add.apply_async, (numbers.x, numbers.y)
        )
        return Accepted(id=sent.id)


@app.post("/workflows/{kind}/{size}", status_code=202)
def submit_workflow(kind: str, size: int) -> Accepted:
    """The same workflows as Warren's side has, in Celery's own words."""
    if kind == "chord":
        canvas = chord((add.s(i, 1) for i in range(size)), total.s())
    elif kind == "chain":
        canvas = chain(add.s(0, 1), *(add.s(1) for _ in range(size - 1)))
    else:
        layer = group(add.si(i, 1) for i in range(size))
        canvas = chain(*[part for _ in range(10) for part in (layer, total.s())])
    return Accepted(id=canvas.apply_async().id)


@app.get("/jobs/{job_id}")
def result(job_id: str) -> dict[str, Any]:
    found = celery.AsyncResult(job_id)
    done = found.ready()
    return {"id": job_id, "done": done, "result": found.result if done else None}
