"""Tasks that show what a job can say of itself while it runs."""

import asyncio
import time
from typing import Annotated

from pydantic import BaseModel, Field

from warren import Job, task

Seconds = Annotated[float, Field(ge=0, le=3600)]
Steps = Annotated[int, Field(ge=1, le=1000)]


class Slept(BaseModel):
    """What `demo.sleep` did."""

    slept_s: float = Field(description="measured, so a little more than was asked for")
    steps: int


@task(queue="demo", examples=[{"seconds": 2, "steps": 4}])
async def sleep(job: Job, seconds: Seconds, steps: Steps = 10) -> Slept:
    """Sleep, and tell after each step how far it is.

    Args:
        seconds: how long in all
        steps: into how many parts the time is cut
    """
    began = time.monotonic()
    job.log("falling asleep", seconds=seconds, steps=steps)
    for step in range(1, steps + 1):
        await asyncio.sleep(seconds / steps)
        job.progress(step, steps, f"step {step} of {steps}")
    slept_s = round(time.monotonic() - began, 3)
    job.log("awake", slept_s=slept_s)
    return Slept(slept_s=slept_s, steps=steps)
