"""What a watcher says and hears over the WebSocket (`warren.v1`), without the socket.

A Watch outlives its connections: it knows what it has heard, so that a new connection resumes.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from warren.errors import Problem
from warren.job_view import Event, JobView
from warren.problems import problem_from

SUBPROTOCOL = "warren.v1"
_SUBJECT = "watch"
_REMEMBERED = 100_000
_CLOCKS_DIFFER = timedelta(seconds=5)
# What happened longer before the last news than this, the gateway has told: it looks again sooner.
_TOLD_WITHIN = timedelta(seconds=20)
# Reports may come without a new version of the job; every other event has one of its own.
_REPORTS = {"job.progress", "job.log"}
_GONE = {404, 410}
_LATER = {429, 502, 503, 504}
_FATAL_CODES = {
    4400: (400, "the gateway did not understand this client"),
    4401: (401, "the API key is missing or wrong: set WARREN_API_KEY"),
    4403: (403, "this API key may not watch"),
    4406: (406, f"the gateway does not speak {SUBPROTOCOL}: update one of the two"),
    4413: (413, "too many subscriptions on one connection"),
}


class Watch:
    """A subscription to one job, until its end, or to all jobs that match a filter."""

    def __init__(self, subject: Mapping[str, Any], token: str | None) -> None:
        self.over = False
        self.behind = False
        self.acknowledged = False
        self._subject = subject
        self._token = token
        self._seen: OrderedDict[str, int] = OrderedDict()  # the last jobs that were told for good
        self._open: dict[str, int] = {}  # jobs whose end is still to be told
        self._began = datetime.now(UTC) - _CLOCKS_DIFFER
        self._latest = self._horizon = self._began  # by the service's clock
        self._resumed = False
        self._outbox: list[str] = []

    @classmethod
    def of(cls, job_id: str | None, filters: Mapping[str, Any], token: str | None) -> Watch:
        """A watch of one job, or of what matches the filters (none: everything)."""
        if job_id is None:
            return cls({"filter": dict(filters)}, token)
        if filters:
            raise TypeError("watch one job by its id or many by a filter, not both")
        return cls({"job": job_id}, token)

    def connected(self) -> None:
        """A connection is there: introduce ourselves."""
        token = {"token": self._token} if self._token else {}
        self._outbox = [json.dumps({"type": "connection_init"} | token)]
        self._horizon = max(self._began, self._latest - _TOLD_WITHIN)

    def outbox(self) -> Iterator[str]:
        """The frames to send now."""
        while self._outbox:
            yield self._outbox.pop(0)

    def heard(self, frame: str | bytes) -> Event | None:
        """Take a frame; the event in it, if it is news. Raises Problem if the service refuses."""
        message = json.loads(frame)
        match message.get("type"):
            case "connection_ack":
                self.acknowledged = True
                self._subscribe()
            case "next":
                return self._news(Event.model_validate(message))
            case "complete":
                self.behind = not self.over
            case "pong":
                self.behind = self._resumed and "filter" in self._subject
                self._resumed = True
            case "error":
                raise problem_from(message.get("problem"))
        return None

    def to_reread(self) -> list[str]:
        """Jobs whose end may have come while nobody listened."""
        return [self._subject["job"]] if "job" in self._subject else list(self._open)

    def to_list(self) -> dict[str, Any] | None:
        """Filters of a list that holds the jobs which came while nobody listened."""
        if "job" in self._subject:
            return None
        # One that has the wanted status now may be of any age; else the older ones are known.
        since = self._began if self._by_status else self._horizon
        return dict(self._subject["filter"]) | {"created_after": since, "page_size": 500}

    def caught_up(self, job: JobView) -> Event | None:
        """Take a job as it was read after a gap; an event if it is news."""
        told = job.id not in self._open and job.finished_at and job.finished_at < self._horizon
        if told and "filter" in self._subject:
            return None
        return self._news(Event(event=f"job.{job.status}", seq=job.version, job=job))

    def lost_sight(self, job_id: str, problem: Problem) -> None:
        """Take that a job could not be read; raises the problem unless the job is just gone."""
        if problem.status not in _GONE or "job" in self._subject:
            raise problem
        self._open.pop(job_id, None)

    def even(self) -> None:
        """Catching up is done; raises a problem if a subscription ended before its job did."""
        self.behind = False
        if "job" in self._subject and not self.over:
            raise Problem(status=503, title="Subscription ended before its job did")

    def _subscribe(self) -> None:
        message: dict[str, Any] = {"type": "subscribe", "id": _SUBJECT, **self._subject}
        if (job := self._subject.get("job")) and job in self._open:
            message["after"] = self._open[job]
        # Frames are taken in order: what happens after the pong, the gateway will tell.
        self._outbox += [json.dumps(message), json.dumps({"type": "ping"})]

    def _news(self, event: Event) -> Event | None:
        job = event.job
        last = self._open.get(job.id, self._seen.get(job.id, -1))
        fresh = event.seq > last or (event.seq == last and event.event in _REPORTS)
        if not fresh:
            return None
        self._remember(job, event.seq)
        self.over = job.done and "job" in self._subject
        return event

    def _remember(self, job: JobView, seq: int) -> None:
        moments = (job.created_at, job.started_at, job.finished_at)
        self._latest = max([self._latest, *filter(None, moments)])
        if not (job.done or self._by_status):
            self._open[job.id] = seq
            return
        self._open.pop(job.id, None)
        self._seen[job.id] = seq
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)

    @property
    def _by_status(self) -> bool:
        return bool(self._subject.get("filter", {}).get("status"))


def refusal(code: int | None) -> Problem | None:
    """The problem that a close code tells of, if connecting again would not help."""
    if code not in _FATAL_CODES:
        return None
    status, detail = _FATAL_CODES[code]
    return Problem(status=status, title="WebSocket closed", detail=f"{detail} (code {code})")


def may_pass(status: int) -> bool:
    """Whether a problem with this status may be over on the next try."""
    return status in _LATER
