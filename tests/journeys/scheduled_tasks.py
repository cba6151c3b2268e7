"""A task whose schedule stands in its code; the environment says what the code says."""

import json
import os

from warren import Job, task

SCHEDULE = json.loads(os.environ.get("TRY_SCHEDULE", "null"))


@task(name="timed.tick", queue="timed", schedule=SCHEDULE)
async def tick(job: Job, word: str = "tick") -> str:
    """Return the nominal time for which this runs."""
    return f"{word} {job.nominal_at.isoformat()}" if job.nominal_at else word
