"""Schedules as their users see them: made, watched, paused, triggered, filled up, declared."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from deploy.local.stack import Stack
from tests.eventually import eventually
from tests.journeys.service import Service, open_service

Document = dict[str, Any]

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
async def timed(stack: Stack) -> AsyncIterator[Service]:
    """A service with the task that knows its nominal time."""
    environment = {"WARREN_TASKS": "tests.journeys.tasks,tests.journeys.scheduled_tasks"}
    async with open_service(stack, "timed", environment) as running:
        yield running


async def _make(service: Service, **fields: Any) -> Document:
    given = {"task": "timed.tick", "every_s": 3600} | fields
    answer = await service.http.post("/v1/schedules", json=given)
    assert answer.status_code == 201, answer.text
    schedule: Document = answer.json()
    assert answer.headers["location"] == f"/v1/schedules/{schedule['id']}"
    return schedule


async def _read(service: Service, schedule: Document) -> Document:
    answer = await service.http.get(f"/v1/schedules/{schedule['id']}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def _post(service: Service, schedule: Document, what: str, body: Any = None) -> Any:
    answer = await service.http.post(f"/v1/schedules/{schedule['id']}/{what}", json=body or {})
    assert answer.status_code < 300, answer.text
    return answer.json()


async def _jobs(service: Service, schedule: Document) -> list[Document]:
    query = {"schedule_id": schedule["id"], "page_size": 500}
    answer = await service.http.get("/v1/jobs", params=query)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["jobs"])


async def _refused(service: Service, **fields: Any) -> Document:
    answer = await service.http.post("/v1/schedules", json={"task": "timed.tick"} | fields)
    problem: Document = answer.json()
    assert answer.status_code == problem["status"], answer.text
    return problem


async def test_a_schedule_runs_its_task_at_each_nominal_time(timed: Service) -> None:
    schedule = await _make(timed, every_s=1, input={"word": "now"}, tags=["ticking"])

    async def three_ended() -> list[Document] | None:
        ended = [job for job in await _jobs(timed, schedule) if job["status"] == "succeeded"]
        return ended if len(ended) >= 3 else None

    jobs = sorted(await eventually(three_ended, within=20), key=lambda job: job["nominal_at"])
    await timed.http.delete(f"/v1/schedules/{schedule['id']}")
    times = [datetime.fromisoformat(job["nominal_at"]) for job in jobs]
    for job, at in zip(jobs, times, strict=True):
        assert (job["schedule_id"], job["tags"]) == (schedule["id"], ["ticking"])
        assert job["result"] == f"now {at.isoformat()}"
        assert at.microsecond == 0
        assert timedelta() <= datetime.fromisoformat(job["created_at"]) - at < timedelta(seconds=2)
    assert len(set(times)) == len(times)


async def test_a_schedule_shows_what_was_asked_and_what_it_has_done(timed: Service) -> None:
    name = f"nightly-{uuid4().hex}"
    made = await _make(
        timed, every_s=None, cron="0 2 * * *", timezone="Europe/Berlin", name=name, priority=7
    )
    shown = await _read(timed, made)
    assert shown | {"runs": []} == made | {"runs": []}
    assert (shown["name"], shown["cron"], shown["timezone"]) == (name, "0 2 * * *", "Europe/Berlin")
    assert (shown["overlap"], shown["catch_up_s"], shown["priority"]) == ("skip", 3600, 7)
    assert shown["counts"] == {"fired": 0, "skipped": 0, "missed": 0, "buffered": 0}
    assert datetime.fromisoformat(shown["next_at"]) > datetime.now(UTC)

    await _post(timed, made, "trigger")
    [run] = (await _read(timed, made))["runs"]
    assert run["nominal_at"] is not None


async def test_trigger_submits_a_job_now_even_while_paused(timed: Service) -> None:
    schedule = await _make(timed, paused=True, input={"word": "hand"})
    job = await _post(timed, schedule, "trigger")
    ended = await timed.end_of(job["id"])
    assert ended["schedule_id"] == schedule["id"]
    assert ended["result"].startswith("hand 20")


async def test_a_repeated_request_with_a_key_makes_one_schedule_and_one_job(
    timed: Service,
) -> None:
    key = {"Idempotency-Key": uuid4().hex}
    body = {"task": "timed.tick", "every_s": 3600}
    first, again = [
        await timed.http.post("/v1/schedules", json=body, headers=key) for _ in range(2)
    ]
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"
    path = f"/v1/schedules/{first.json()['id']}/trigger"
    jobs = [(await timed.http.post(path, json={}, headers=key)).json()["id"] for _ in range(2)]
    assert jobs[0] == jobs[1]
    assert len(await _jobs(timed, first.json())) == 1


async def test_a_paused_schedule_submits_nothing_until_it_is_resumed(timed: Service) -> None:
    schedule = await _make(timed, every_s=1, paused=True, note="not yet")
    assert (schedule["paused"], schedule["note"], schedule["next_at"]) == (True, "not yet", None)
    resumed = await _post(timed, schedule, "resume", {"note": "go"})
    assert (resumed["paused"], resumed["note"]) == (False, "go")

    async def runs() -> bool:
        return bool(await _jobs(timed, schedule))

    await eventually(runs, within=10)
    paused = await _post(timed, schedule, "pause", {"note": "enough"})
    assert (paused["paused"], paused["note"]) == (True, "enough")
    # What was decided before the pause may still come; its own count says when that is all.
    fired = (await _read(timed, schedule))["counts"]["fired"]

    async def all_there() -> bool:
        return bool(len(await _jobs(timed, schedule)) == fired)

    await eventually(all_there)
    assert (await _read(timed, schedule))["next_at"] is None


async def test_skip_counts_the_times_that_an_earlier_job_overlaps(timed: Service) -> None:
    schedule = await _make(
        timed, task="try.double", every_s=1, input={"number": 1, "seconds": 3.5}, tags=["slow"]
    )

    async def skipped() -> bool:
        counts = (await _read(timed, schedule))["counts"]
        return bool(counts["skipped"] >= 2 and counts["fired"] >= 1)

    await eventually(skipped, within=10)
    await timed.http.delete(f"/v1/schedules/{schedule['id']}")


async def test_cancel_other_ends_the_earlier_job_and_starts_anew(timed: Service) -> None:
    schedule = await _make(
        timed,
        task="try.double",
        every_s=2,
        input={"number": 1, "seconds": 60},
        overlap="cancel_other",
    )

    async def replaced() -> bool:
        found = [job["status"] for job in await _jobs(timed, schedule)]
        return "cancelled" in found and bool({"queued", "running"} & set(found))

    await eventually(replaced, within=20)
    await timed.http.delete(f"/v1/schedules/{schedule['id']}")


async def test_preview_lists_the_next_times_with_notes_about_clocks(timed: Service) -> None:
    schedule = await _make(
        timed,
        every_s=None,
        cron="30 2 * * *",
        timezone="Europe/Berlin",
        start_at="2031-03-29T00:00:00Z",
    )
    answer = await timed.http.get(f"/v1/schedules/{schedule['id']}/preview?n=3")
    first, gap, after = answer.json()["times"]
    assert first == {"at": "2031-03-29T01:30:00Z"}
    assert gap["at"] == "2031-03-30T01:00:00Z"
    assert "02:30 on 2031-03-30 in Europe/Berlin does not exist" in gap["note"]
    assert after == {"at": "2031-03-31T00:30:00Z"}
    refused = await timed.http.get(f"/v1/schedules/{schedule['id']}/preview?n=0")
    assert refused.status_code == 422


async def test_backfill_submits_past_times_once(timed: Service) -> None:
    schedule = await _make(timed, every_s=None, cron="@daily")
    past = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-04T00:00:00Z", "overlap": "allow_all"}
    assert await _post(timed, schedule, "backfill", past) == {"submitted": 3}

    async def all_ended() -> list[Document] | None:
        ended = [job for job in await _jobs(timed, schedule) if job["done"]]
        return ended if len(ended) == 3 else None

    jobs = await eventually(all_ended, within=10)
    assert {job["nominal_at"] for job in jobs} == {f"2026-01-0{day}T00:00:00Z" for day in (2, 3, 4)}
    further = past | {"to": "2026-01-05T00:00:00Z"}
    assert await _post(timed, schedule, "backfill", further) == {"submitted": 1}


async def test_put_and_patch_change_a_schedule(timed: Service) -> None:
    schedule = await _make(timed, input={"word": "old"}, jitter_s=5, note="kept")
    path = f"/v1/schedules/{schedule['id']}"
    patched = (await timed.http.patch(path, json={"every_s": 60, "jitter_s": None})).json()
    assert (patched["every_s"], patched["jitter_s"], patched["note"]) == (60, 0, "kept")
    assert patched["input"] == {"word": "old"}
    put = (await timed.http.put(path, json={"task": "timed.tick", "cron": "@yearly"})).json()
    assert (put["cron"], put["every_s"], put["input"], put["note"]) == ("@yearly", None, {}, None)
    assert put["created_at"] == schedule["created_at"]
    refused = await timed.http.patch(path, json={"cron": "@never"})
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/invalid-schedule")
    assert (await _read(timed, schedule))["cron"] == "@yearly"


async def test_a_deleted_schedule_is_gone_and_its_jobs_stay(timed: Service) -> None:
    schedule = await _make(timed)
    job = await _post(timed, schedule, "trigger")
    path = f"/v1/schedules/{schedule['id']}"
    assert (await timed.http.delete(path)).status_code == 204
    assert (await timed.http.delete(path)).status_code == 404
    assert (await timed.http.get(path)).status_code == 404
    assert (await timed.end_of(job["id"]))["schedule_id"] == schedule["id"]


async def test_schedules_are_listed_in_pages_and_found_by_name(timed: Service) -> None:
    names = [f"page-{uuid4().hex}" for _ in range(3)]
    for name in names:
        await _make(timed, name=name, paused=True)
    [found] = (await timed.http.get("/v1/schedules", params={"name": names[1]})).json()["schedules"]
    assert found["name"] == names[1]
    query: Document = {"paused": "true", "page_size": 2}
    seen: list[str] = []
    while True:
        page = (await timed.http.get("/v1/schedules", params=query)).json()
        seen += [schedule["id"] for schedule in page["schedules"]]
        if page["next_page_token"] is None:
            break
        query["page_token"] = page["next_page_token"]
    assert len(seen) == len(set(seen)) >= 3
    other = await timed.http.get(
        "/v1/schedules", params={"page_token": query["page_token"], "task": "x"}
    )
    assert other.status_code == 400


async def test_what_cannot_be_meant_is_refused(timed: Service) -> None:
    name = f"twice-{uuid4().hex}"
    await _make(timed, name=name)
    kinds: dict[str, Document] = {
        "invalid-schedule": {"cron": "61 * * * *"},
        "invalid-input": {"every_s": 0},
        "schedule-exists": {"every_s": 1, "name": name},
        "unknown-task": {"every_s": 1, "task": "no.such"},
    }
    for kind, fields in kinds.items():
        assert (await _refused(timed, **fields))["type"] == f"/problems/{kind}"
    zone = await _refused(timed, cron="@daily", timezone="Europe/Atlantis")
    assert (zone["type"], zone["errors"][0]["pointer"]) == (
        "/problems/invalid-schedule",
        "/timezone",
    )
    assert (await _refused(timed))["type"] == "/problems/invalid-schedule"
    wrong = await _refused(timed, every_s=1, input={"word": 5})
    assert wrong["errors"][0]["pointer"] == "/input/word"
    for field in ("run_at", "expires_at"):
        problem = await _refused(timed, every_s=1, **{field: "2031-01-01T00:00:00Z"})
        assert problem["errors"][0]["pointer"] == f"/{field}"


async def test_a_schedule_in_code_comes_changes_and_goes_with_the_code(
    stack: Stack, own_name: str
) -> None:
    def environment(schedule: Any) -> dict[str, str]:
        return {
            "WARREN_TASKS": "tests.journeys.scheduled_tasks",
            "TRY_SCHEDULE": json.dumps(schedule),
        }

    async def declared(service: Service) -> list[Document]:
        return list((await service.http.get("/v1/schedules")).json()["schedules"])

    async with open_service(stack, own_name, environment("*/5 * * * *")) as service:
        [first] = await declared(service)
        assert (first["task"], first["cron"]) == ("timed.tick", "*/5 * * * *")
        assert first["declared"]
        await _post(service, first, "pause", {"note": "by hand"})
    async with open_service(stack, own_name, environment({"every_s": 9, "input": {}})) as service:
        [changed] = await declared(service)
        assert (changed["id"], changed["cron"], changed["every_s"]) == (first["id"], None, 9)
        assert (changed["paused"], changed["note"]) == (True, "by hand")
    async with open_service(stack, own_name, environment(None)) as service:
        assert await declared(service) == []
