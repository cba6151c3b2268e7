"""Schedules that stand in code: read from tasks, refused when they cannot be."""

from datetime import timedelta
from typing import Any

import pytest

from shared.contracts.errors import BadSetting
from shared.contracts.schedule import Overlap, Schedule
from warren import task
from worker.declared_schedules import declared_schedules
from worker.registry import Registry


def _declared(schedule: Any, **options: Any) -> Schedule:
    @task(name="books.open", schedule=schedule, **options)
    async def open_books(shelf: str = "a", floor: int = 1) -> str:
        return f"{shelf}{floor}"

    [found] = declared_schedules(Registry([open_books]), "shop.tasks")
    return found


def test_a_text_is_the_cron_and_the_task_says_the_rest() -> None:
    schedule = _declared(
        "*/5 * * * *",
        queue="books",
        priority=7,
        timeout_s=9,
        retry={"max_attempts": 4},
        expires_in_s=60,
    )
    job = schedule.template
    assert (schedule.cron, schedule.declared_by) == ("*/5 * * * *", "shop.tasks")
    assert (job.task, job.queue, job.priority, job.timeout_s) == ("books.open", "books", 7, 9)
    assert (job.max_attempts, job.backoff and job.backoff.attempts) == (4, 4)
    assert schedule.expires_in == timedelta(minutes=1)


def test_a_dictionary_has_the_fields_of_a_schedule_and_of_its_job() -> None:
    schedule = _declared(
        {"every_s": 5, "overlap": "allow_all", "input": {"shelf": "z"}, "tags": ["x"]}
    )
    assert (schedule.every, schedule.overlap) == (timedelta(seconds=5), Overlap.ALLOW_ALL)
    assert (schedule.template.input, schedule.template.tags) == ('{"shelf":"z"}', ("x",))


def test_its_id_follows_from_the_name_of_its_task() -> None:
    assert _declared("@daily").id == _declared({"every_s": 5}).id


def test_what_it_depends_on_is_told_so_that_a_change_is_seen() -> None:
    first = _declared("@daily").declared
    assert first == _declared("@daily").declared
    assert first != _declared("@hourly").declared
    assert first != _declared("@daily", queue="other").declared


def test_tasks_without_a_schedule_declare_none() -> None:
    @task(name="books.shut")
    async def shut() -> None:
        """Shut the books."""

    assert declared_schedules(Registry([shut]), "shop.tasks") == []


@pytest.mark.parametrize(
    ("schedule", "why"),
    [
        ("61 * * * *", "the minute field takes 0 to 59"),
        ({"cron": "@daily", "timezone": "Mars"}, "there is no time zone 'Mars'"),
        ({"every_s": 0}, "every_s"),
        ({"every_s": 5, "input": {"floor": "low"}}, "floor"),
        ({"every_s": 5, "colour": "red"}, "colour"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused_in_one_line(schedule: Any, why: str) -> None:
    with pytest.raises(BadSetting) as refusal:
        _declared(schedule)
    assert "the schedule of task books.open cannot be" in str(refusal.value)
    assert why in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_task_that_needs_an_input_cannot_be_scheduled_without_one() -> None:
    @task(name="books.lend", schedule="@daily")
    async def lend(title: str) -> str:
        return title

    with pytest.raises(BadSetting, match=r"books\.lend cannot be: .*title"):
        declared_schedules(Registry([lend]), "shop.tasks")
