"""What can be asked of the service about schedules: each question is one conversation."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from warren.job_view import JobView
from warren.patience import Patience
from warren.problems import problem_of
from warren.questions import job_in, path_of, post, read
from warren.service_views import FireView, ScheduleView
from warren.submission import sendable, submission_of
from warren.talk import Answer, Call, Talk

if TYPE_CHECKING:
    from warren.task import Task


def create(
    patience: Patience, task: Task[..., Any] | str, value: object, fields: Mapping[str, Any]
) -> Talk[ScheduleView]:
    """Make a schedule; the key of the request makes every repetition of it the same schedule."""
    answer = yield from post(patience, "/v1/schedules", submission_of(task, value, fields))
    return _schedule_in(answer)


def get(patience: Patience, id: str) -> Talk[ScheduleView]:
    """Read a schedule."""
    return _schedule_in((yield from patience.ask(Call("GET", _path(id)))))


def pause(patience: Patience, id: str, note: str | None) -> Talk[ScheduleView]:
    """Let a schedule submit nothing."""
    body = {} if note is None else {"note": note}
    return _schedule_in((yield from post(patience, _path(id) + "/pause", body)))


def resume(patience: Patience, id: str) -> Talk[ScheduleView]:
    """Let a schedule submit jobs again."""
    return _schedule_in((yield from post(patience, _path(id) + "/resume", {})))


def trigger(patience: Patience, id: str) -> Talk[JobView]:
    """Submit a job of the schedule now."""
    return job_in((yield from post(patience, _path(id) + "/trigger", {})))


def preview(patience: Patience, id: str, n: int) -> Talk[list[FireView]]:
    """Read the next nominal times."""
    call = Call("GET", _path(id) + "/preview", params={"n": str(n)})
    told = read((yield from patience.ask(call)))
    return [FireView.model_validate(fire) for fire in told["times"]]


def backfill(
    patience: Patience, id: str, since: datetime, until: datetime, overlap: str | None
) -> Talk[int]:
    """Submit the jobs of a past range; how many."""
    body = sendable({"from": since, "to": until} | ({"overlap": overlap} if overlap else {}))
    submitted: int = read((yield from post(patience, _path(id) + "/backfill", body)))["submitted"]
    return submitted


def delete(patience: Patience, id: str) -> Talk[None]:
    """Forget a schedule; its jobs stay."""
    answer = yield from patience.ask(Call("DELETE", _path(id)))
    if answer.status >= 300:
        raise problem_of(answer)


def _path(id: str) -> str:
    return path_of(id, "schedules")


def _schedule_in(answer: Answer) -> ScheduleView:
    return ScheduleView.model_validate(read(answer))
