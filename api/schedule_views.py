"""A schedule as clients see it."""

from typing import Any

import orjson

from api.schedules import ScheduleRequest
from shared.contracts.job import Job
from shared.contracts.schedule import Schedule

_INSTANTS = ("run_at", "expires_at")  # of a submission; no schedule has them
_ASKED = {
    name: field.get_default(call_default_factory=True)
    for name, field in ScheduleRequest.model_fields.items()
    if name not in _INSTANTS and name != "task"
}
_ORDER = ["name", "task", "input", *(n for n in _ASKED if n not in ("name", "input"))]


def schedule_view(schedule: Schedule) -> dict[str, Any]:
    """Return the members of a schedule: what was asked for, and how far it has come."""
    asked = _ASKED | orjson.loads(schedule.definition)
    coming = None if schedule.paused else schedule.first_after(schedule.cursor)
    link = f"/v1/schedules/{schedule.id}"
    return {
        "id": schedule.id,
        **{name: asked[name] for name in _ORDER},
        "start_at": schedule.start_at,
        "end_at": schedule.end_at,
        "paused": schedule.paused,
        "note": schedule.note,
        "next_at": coming.at if coming else None,
        "counts": {
            "fired": schedule.fired,
            "skipped": schedule.skipped,
            "missed": schedule.missed,
            "buffered": len(schedule.buffered),
        },
        "declared": schedule.declared_by is not None,
        "created_at": schedule.created_at,
        "updated_at": schedule.updated_at,
        "links": {
            "self": link,
            "preview": f"{link}/preview",
            "jobs": f"/v1/jobs?schedule_id={schedule.id}",
        },
    }


def run_view(job: Job) -> dict[str, Any]:
    """Return what a schedule shows of one of its last jobs."""
    return {
        "id": job.id,
        "nominal_at": job.nominal_at,
        "status": job.status,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
    }
