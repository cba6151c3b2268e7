"""What a watch remembers of what it heard, without any socket."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from warren import JobView
from warren.watching import Watch

NOW = datetime.now(UTC)


def view(job: str, status: str, version: int, *, ended: timedelta | None = None) -> JobView:
    return JobView(
        id=job,
        task="t.f",
        status=status,
        done=ended is not None,
        version=version,
        created_at=NOW,
        finished_at=None if ended is None else NOW + ended,
    )


def hear(watch: Watch, job: JobView) -> bool:
    frame = {"type": "next", "event": f"job.{job.status}", "seq": job.version}
    return watch.heard(json.dumps(frame | {"job": job.model_dump(mode="json")})) is not None


def sent(watch: Watch) -> list[dict[str, Any]]:
    return [json.loads(frame) for frame in watch.outbox()]


def test_nothing_is_sent_twice() -> None:
    watch = Watch.of("1", {}, None)
    watch.connected()
    assert [frame["type"] for frame in sent(watch)] == ["connection_init"]
    watch.heard('{"type": "connection_ack"}')
    assert [frame["type"] for frame in sent(watch)] == ["subscribe", "ping"]
    assert sent(watch) == []


def test_an_older_version_is_no_news() -> None:
    watch = Watch.of(None, {}, None)
    assert hear(watch, view("1", "running", 3))
    assert not hear(watch, view("1", "queued", 2))
    assert not hear(watch, view("1", "running", 3))
    assert hear(watch, view("1", "succeeded", 4, ended=timedelta(0)))
    assert not hear(watch, view("1", "succeeded", 4, ended=timedelta(0)))


def test_only_jobs_whose_end_is_to_come_are_read_again() -> None:
    watch = Watch.of(None, {"task": "t.f"}, None)
    hear(watch, view("1", "running", 3))
    hear(watch, view("2", "succeeded", 3, ended=timedelta(0)))
    assert watch.to_reread() == ["1"]


def test_a_filter_by_status_reads_its_list_and_no_single_jobs() -> None:
    watch = Watch.of(None, {"status": "running"}, None)
    hear(watch, view("1", "running", 3, ended=None))
    assert watch.to_reread() == []
    assert watch.caught_up(view("1", "running", 3)) is None
    filters = watch.to_list()
    assert filters is not None
    assert filters["status"] == "running"


def test_the_list_after_a_long_watch_begins_shortly_before_the_last_news() -> None:
    watch = Watch.of(None, {}, None)
    late = timedelta(hours=1)
    hear(watch, view("1", "succeeded", 3, ended=late))
    watch.connected()
    filters = watch.to_list()
    assert filters is not None
    assert NOW + late - timedelta(minutes=1) < filters["created_after"] < NOW + late


def test_ends_from_before_the_watch_or_long_told_are_not_told_again() -> None:
    watch = Watch.of(None, {}, None)
    assert watch.caught_up(view("old", "succeeded", 3, ended=-timedelta(minutes=1))) is None
    hear(watch, view("last", "succeeded", 3, ended=timedelta(hours=1)))
    watch.connected()
    assert watch.caught_up(view("long told", "succeeded", 3, ended=timedelta(minutes=1))) is None
    assert watch.caught_up(view("missed", "succeeded", 3, ended=timedelta(hours=1))) is not None


def test_an_open_job_is_told_its_end_however_old() -> None:
    watch = Watch.of(None, {}, None)
    hear(watch, view("open", "running", 2))
    hear(watch, view("last", "succeeded", 3, ended=timedelta(hours=1)))
    watch.connected()
    assert watch.caught_up(view("open", "succeeded", 3, ended=timedelta(minutes=1))) is not None


@pytest.mark.parametrize("frame", ['{"type": "pong"}', '{"type": "news from the future"}'])
def test_frames_without_news_are_none(frame: str) -> None:
    assert Watch.of("1", {}, None).heard(frame) is None
