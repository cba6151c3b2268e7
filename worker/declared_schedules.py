"""Schedules that stand in the code of tasks: `@task(schedule="*/5 * * * *")`.

A starting worker stores them. The id of such a schedule follows from its task's name, so each
process may do so; what an operator has changed stays as long as the code says the same.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from pydantic import Field, ValidationError

from shared.contracts.attempt import Backoff
from shared.contracts.catalogue import TaskEntry
from shared.contracts.errors import BadSetting, InvalidSchedule, ScheduleExists, StoreUnavailable
from shared.contracts.ids import first_id_at, nth_id
from shared.contracts.job import Job
from shared.contracts.schedule import Schedule
from shared.contracts.schedules.definition import Times, check_times, fields_of
from shared.infrastructure.schedule_documents import advanced
from shared.infrastructure.schedules import ScheduleStore
from warren.errors import InvalidInput
from worker.registry import AnyTask, Registry

_BIRTHDAY = datetime(2026, 1, 1, tzinfo=UTC)  # of all these schedules, as their ids tell it
_TRIES = 20


class Declaration(Times):
    """What may stand in code: times, and how the job differs from what its task says."""

    input: dict[str, Any] = Field(default_factory=dict)
    queue: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    priority: int | None = Field(default=None, ge=0, le=9)
    tags: list[str] = Field(default_factory=list)
    metadata: dict[str, Any] = Field(default_factory=dict)


def declared_schedules(registry: Registry, source: str) -> list[Schedule]:
    """Return the schedules of a registry's tasks; raise BadSetting naming the one that is wrong.

    `source` is WARREN_TASKS: where the code of all of them was found.
    """
    return [
        _schedule(registry.get(entry.name), entry, source)
        for entry in registry.entries()
        if entry.schedule is not None
    ]


async def declare(store: ScheduleStore, schedules: Sequence[Schedule], *, source: str) -> None:
    """Store the schedules of this source, and remove those that it has no more."""
    now = await store.now()
    for schedule in schedules:
        await _declare(store, schedule, now)
    await store.remove_declared(source, but=[schedule.id for schedule in schedules])


def _schedule(task: AnyTask, entry: TaskEntry, source: str) -> Schedule:
    given = entry.schedule or {}
    try:
        asked = Declaration.model_validate(given)
        check_times(asked)
        task.validate(asked.input)
    except (ValidationError, InvalidSchedule, InvalidInput) as error:
        why = " ".join(str(error).split())
        raise BadSetting(f"the schedule of task {task.name} cannot be: {why}") from error
    schedule_id = nth_id(f"{first_id_at(_BIRTHDAY)}/{task.name}", 0)
    definition = {n: v for n, v in given.items() if n not in ("paused", "note")}
    expires_in_s = entry.expires_in_s
    return Schedule(
        id=schedule_id,
        definition=orjson.dumps({"task": task.name, **definition}).decode(),
        template=_template(schedule_id, asked, entry),
        created_at=_BIRTHDAY,
        updated_at=_BIRTHDAY,
        cursor=_BIRTHDAY,
        expires_in=None if expires_in_s is None else timedelta(seconds=expires_in_s),
        paused=asked.paused,
        note=asked.note,
        declared_by=source,
        declared=_told(entry),
        **fields_of(asked),
    )


def _told(entry: TaskEntry) -> str:
    """Return what the code says that a schedule depends on, to see when that changes."""
    own = [entry.queue, entry.priority, entry.timeout_s, entry.soft_timeout_s, entry.retry]
    told = [entry.schedule, *own, entry.expires_in_s, entry.retention_s]
    return orjson.dumps(told, option=orjson.OPT_SORT_KEYS).decode()


def _template(schedule_id: str, asked: Declaration, entry: TaskEntry) -> Job:
    backoff = _backoff(entry.retry)
    return Job(
        id=schedule_id,
        task=entry.name,
        queue=asked.queue or entry.queue,
        created_at=_BIRTHDAY,
        input=orjson.dumps(asked.input).decode(),
        priority=entry.priority if asked.priority is None else asked.priority,
        timeout_s=entry.timeout_s,
        soft_timeout_s=entry.soft_timeout_s,
        max_attempts=backoff.attempts if backoff else 1,
        backoff=backoff,
        tags=tuple(asked.tags),
        metadata=orjson.dumps(asked.metadata).decode(),
        retention_s=entry.retention_s,
    )


def _backoff(policy: dict[str, Any] | None) -> Backoff | None:
    if policy is None:
        return None
    return Backoff(
        attempts=policy["max_attempts"],
        first_s=policy["backoff_s"],
        factor=policy["factor"],
        most_s=policy["max_backoff_s"],
        jitter=policy["jitter"],
    )


async def _declare(store: ScheduleStore, schedule: Schedule, now: datetime) -> None:
    for _ in range(_TRIES):
        try:
            if await _settled(store, schedule, now):
                return
        except ScheduleExists as error:
            raise BadSetting(f"the schedule of task {schedule.template.task}: {error}") from error
    raise StoreUnavailable(f"schedule {schedule.id} changes too fast")


async def _settled(store: ScheduleStore, schedule: Schedule, now: datetime) -> bool:
    """Store what the code says unless it is there already; say whether that is done."""
    found = await store.read([schedule.id])
    if not found:
        fresh = replace(schedule, created_at=now, updated_at=now, cursor=now)
        await store.add(replace(fresh, next_at=fresh.next_look(now)))
        return True
    [before] = found
    if (before.declared, before.declared_by) == (schedule.declared, schedule.declared_by):
        return True
    after = before
    if before.declared != schedule.declared:
        after = before.redefined(
            replace(schedule, paused=before.paused, note=before.note, updated_at=now)
        )
    after = replace(after, declared=schedule.declared, declared_by=schedule.declared_by)
    return await store.replace(before, advanced(after))
