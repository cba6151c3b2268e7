"""What a client may say of a schedule, and the schedule that this makes."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from api.listing import Paged, Word
from shared.contracts.catalogue import TaskEntry
from shared.contracts.errors import Fault, InvalidInput
from shared.contracts.instants import Instant
from shared.contracts.schedule import Overlap, Schedule
from shared.contracts.schedules.definition import Times, check_times, fields_of
from shared.contracts.strict_json import dump, parse
from shared.contracts.submission import (
    Submission,
    faults_of,
    refuse_what_single_jobs_take,
    to_job,
)

Model = TypeVar("Model", bound=BaseModel)

_STATE = ("paused", "note")


class ScheduleRequest(Times, Submission):
    """When to submit a job, and which; fields of a submission stand beside those of times."""


class Note(BaseModel):
    """Why somebody pauses or resumes a schedule."""

    model_config = ConfigDict(extra="forbid", strict=True)

    note: str | None = Field(default=None, max_length=1000)


class Backfill(BaseModel):
    """A range of the past, whose nominal times without a job get one."""

    model_config = ConfigDict(extra="forbid", strict=True)

    since: Instant = Field(alias="from", description="exclusive")
    until: Instant = Field(alias="to", description="inclusive")
    overlap: Overlap | None = Field(
        default=None, strict=False, description="default: the schedule's own"
    )


class ScheduleQuery(Paged):
    """The query parameters of a list of schedules."""

    name: Word | None = None
    task: Word | None = None
    paused: bool | None = None


def read_as(model: type[Model], value: Any) -> Model:
    """Return what a JSON value means; raise InvalidInput."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise InvalidInput(faults_of(error.errors())) from None


def read_schedule(value: Any) -> ScheduleRequest:
    """Return what a JSON value asks for; raise InvalidInput, or InvalidSchedule for its times."""
    asked = read_as(ScheduleRequest, value)
    for field in ("run_at", "expires_at"):
        if getattr(asked, field) is not None:
            why = "one instant cannot hold for all its jobs; use delay_s or expires_in_s"
            raise InvalidInput([Fault(f"/{field}", why)])
    refuse_what_single_jobs_take(
        asked, "a schedule submits each of its jobs; `overlap` says what becomes of equal ones"
    )
    check_times(asked)
    return asked


def to_schedule(
    asked: ScheduleRequest, entry: TaskEntry, *, definition: str, schedule_id: str, now: datetime
) -> Schedule:
    """Return the schedule that a valid request makes; raise InvalidInput for contradictions."""
    plain = asked.model_copy(update={"delay_s": None, "expires_in_s": None})
    expires_in_s = asked.expires_in_s or entry.expires_in_s
    schedule = Schedule(
        id=schedule_id,
        definition=definition,
        template=to_job(plain, entry, input_text=dump(asked.input), job_id=schedule_id, now=now),
        created_at=now,
        updated_at=now,
        cursor=now,
        delay=timedelta(seconds=asked.delay_s or 0),
        expires_in=None if expires_in_s is None else timedelta(seconds=expires_in_s),
        paused=asked.paused,
        note=asked.note,
        **fields_of(asked),
    )
    return replace(schedule, next_at=schedule.next_look(now))


def patched(schedule: Schedule, patch: Any) -> Any:
    """Return what a JSON merge patch (RFC 7396) makes of a schedule's request."""
    state = {"paused": schedule.paused, "note": schedule.note}
    return _merged(parse(schedule.definition.encode()) | state, patch)


def definition_of(value: dict[str, Any]) -> str:
    """Return what is kept of a request: all but its state, which has a life of its own."""
    return dump({name: each for name, each in value.items() if name not in _STATE})


def _merged(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merged(merged.get(name), value)
    return merged
