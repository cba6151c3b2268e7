"""Both clients make and steer schedules."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from tests.unit.warren.sample_tasks import add
from tests.unit.warren.service import Service, problem
from warren import InvalidInput, Problem, ScheduleView

SCHEDULE = {"id": "s1", "task": "t.f", "cron": "@daily", "overlap": "skip", "runs": []}
MIDNIGHT = datetime(2026, 1, 2, tzinfo=UTC)


def can(service: Service, call: str, status: int, told: object) -> None:
    service.canned[call] = httpx2.Response(status, json=told)


def body(service: Service) -> Any:
    return json.loads(service.last.content)


def test_a_schedule_is_made_with_its_rule_and_the_fields_of_its_jobs(
    client: Any, service: Service
) -> None:
    can(service, "POST /v1/schedules", 201, SCHEDULE)
    made = client.schedules.create(
        add, {"x": 1}, every_s=timedelta(minutes=5), start_at=MIDNIGHT, queue="bulk", name="sums"
    )
    assert isinstance(made, ScheduleView)
    assert (made.id, made.cron, made.model_extra) == ("s1", "@daily", {"runs": []})
    assert body(service) == {
        "task": "sample_tasks.add",
        "input": {"x": 1},
        "every_s": 300,
        "start_at": "2026-01-02T00:00:00Z",
        "queue": "bulk",
        "name": "sums",
    }
    assert service.last.headers["idempotency-key"]


def test_an_input_that_does_not_fit_is_not_sent(client: Any, service: Service) -> None:
    with pytest.raises(InvalidInput, match="/x"):
        client.schedules.create(add, {"x": "1"}, cron="@daily")
    assert not service.requests


def test_a_bad_rule_is_refused_by_the_service(client: Any, service: Service) -> None:
    refusal = problem(422, "invalid-schedule", detail="25 is no hour")
    service.canned["POST /v1/schedules"] = refusal
    with pytest.raises(Problem, match="invalid-schedule: 25 is no hour"):
        client.schedules.create("t.f", cron="0 25 * * *")


def test_schedules_are_read_one_by_one_and_page_after_page(client: Any, service: Service) -> None:
    can(service, "GET /v1/schedules/s1", 200, SCHEDULE)
    assert client.schedules.get("s1").task == "t.f"
    pages = [
        {"schedules": [SCHEDULE], "next_page_token": "more"},
        {"schedules": [SCHEDULE | {"id": "s2"}], "next_page_token": None},
    ]
    service.trouble.extend(httpx2.Response(200, json=page) for page in pages)
    assert [schedule.id for schedule in client.schedules.list(task="t.f")] == ["s1", "s2"]
    assert service.last.url.params.multi_items() == [("task", "t.f"), ("page_token", "more")]


def test_a_schedule_is_paused_with_a_note_and_resumed(client: Any, service: Service) -> None:
    paused = SCHEDULE | {"paused": True, "note": "moving house"}
    can(service, "POST /v1/schedules/s1/pause", 200, paused)
    can(service, "POST /v1/schedules/s1/resume", 200, SCHEDULE)
    assert client.schedules.pause("s1", "moving house").paused
    assert body(service) == {"note": "moving house"}
    assert not client.schedules.resume("s1").paused
    client.schedules.pause("s1")
    assert body(service) == {}


def test_a_schedule_is_triggered_for_a_job_at_once(client: Any, service: Service) -> None:
    job = service.add(schedule_id="s1", nominal_at="2026-01-02T00:00:00Z")
    can(service, "POST /v1/schedules/s1/trigger", 202, job)
    handle = client.schedules.trigger("s1")
    assert handle.job.nominal_at == MIDNIGHT
    service.end(job["id"], result=3)
    assert handle.get() == 3


def test_the_next_nominal_times_are_shown_with_their_notes(client: Any, service: Service) -> None:
    times = [{"at": "2026-01-02T00:00:00Z"}, {"at": "2026-01-03T00:00:00Z", "note": "a gap"}]
    can(service, "GET /v1/schedules/s1/preview", 200, {"times": times})
    first, second = client.schedules.preview("s1", n=2)
    assert (first.at, first.note, second.note) == (MIDNIGHT, None, "a gap")
    assert service.last.url.params["n"] == "2"


def test_a_past_range_is_filled(client: Any, service: Service) -> None:
    can(service, "POST /v1/schedules/s1/backfill", 202, {"submitted": 7})
    until = MIDNIGHT + timedelta(days=7)
    assert client.schedules.backfill("s1", MIDNIGHT, until) == 7
    told = {"from": "2026-01-02T00:00:00Z", "to": "2026-01-09T00:00:00Z"}
    assert body(service) == told
    client.schedules.backfill("s1", MIDNIGHT, until, overlap="allow_all")
    assert body(service) == told | {"overlap": "allow_all"}


def test_a_schedule_is_deleted(client: Any, service: Service) -> None:
    service.canned["DELETE /v1/schedules/s1"] = httpx2.Response(204)
    service.canned["DELETE /v1/schedules/s2"] = problem(404, "not-found")
    assert client.schedules.delete("s1") is None
    with pytest.raises(Problem, match="not-found"):
        client.schedules.delete("s2")


def test_an_id_is_needed(client: Any) -> None:
    with pytest.raises(ValueError, match="the id of one of the schedules is empty"):
        client.schedules.get("")
