"""A small stand-in for the service at the transport's seam: it keeps jobs and its promises."""

import json
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Any

import httpx2

Reply = httpx2.Response | Exception
ENDS = {"succeeded", "failed", "cancelled", "expired", "skipped"}


def problem(status: int, slug: str, **more: Any) -> httpx2.Response:
    body = {"type": f"/problems/{slug}", "title": slug, "status": status, **more}
    headers = {"content-type": "application/problem+json"}
    if "retry_after" in more:
        headers["retry-after"] = str(body.pop("retry_after"))
    return httpx2.Response(status, headers=headers, content=json.dumps(body))


class Service:
    """Answers like the gateway; `trouble` comes first, in order, and then it works."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.requests: list[httpx2.Request] = []
        self.trouble: deque[Reply] = deque()
        self.after_doing: deque[Reply] = deque()  # the work is done, the answer is lost
        self.end_after: int = 0  # how many reads of a job before it has ended
        self.canned: dict[str, httpx2.Response] = {}  # by method and path, for all but jobs
        self._answers: dict[str, str] = {}
        self._numbers = count(1)

    @property
    def transport(self) -> httpx2.MockTransport:
        return httpx2.MockTransport(self._handle)

    @property
    def last(self) -> httpx2.Request:
        return self.requests[-1]

    def add(self, **fields: Any) -> dict[str, Any]:
        job = {"id": f"job-{next(self._numbers):04}", "task": "t.f", "status": "queued"} | fields
        job |= {"done": job["status"] in ENDS, "version": job.get("version", 1)}
        self.jobs[job["id"]] = job
        return job

    def end(self, job_id: str, status: str = "succeeded", **fields: Any) -> None:
        self.jobs[job_id] |= {"status": status, "done": True, **fields}
        self.jobs[job_id]["version"] += 1

    def _handle(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        if self.trouble:
            return _give(self.trouble.popleft())
        answer = self._route(request)
        return _give(self.after_doing.popleft()) if self.after_doing else answer

    def _route(self, request: httpx2.Request) -> httpx2.Response:
        if not request.url.path.startswith("/v1/jobs"):
            return _give(self.canned[f"{request.method} {request.url.path}"])
        path = request.url.path.removeprefix("/v1/jobs").strip("/").split("/")
        if request.method == "POST" and path == [""]:
            return self._submit(request)
        if request.method == "POST" and path == ["bulk"]:
            return self._bulk(request)
        if path == [""]:
            return self._list(request)
        job = self.jobs.get(path[0])
        if job is None:
            return problem(404, "not-found", detail=f"there is no job {path[0]}")
        routes: dict[str, Callable[[dict[str, Any]], httpx2.Response]] = {
            "": self._get, "result": self._result, "cancel": self._cancel, "why": self._why,
            "retry": lambda job: self._retry(job, **json.loads(request.content)),
        }  # fmt: skip
        return routes["/".join(path[1:])](job)

    def _submit(self, request: httpx2.Request) -> httpx2.Response:
        key = request.headers["idempotency-key"]
        if key not in self._answers:
            self._answers[key] = self.add(**json.loads(request.content))["id"]
        job = self.jobs[self._answers[key]]
        return httpx2.Response(200 if job["done"] else 202, json=job)

    def _bulk(self, request: httpx2.Request) -> httpx2.Response:
        items: list[dict[str, Any]] = []
        for index, line in enumerate(request.content.splitlines()):
            submission = json.loads(line)
            if submission["task"] == "unknown":
                body = {"type": "/problems/unknown-task", "status": 404, "detail": "no such task"}
                items.append({"index": index, "problem": body})
            else:
                items.append({"index": index, "id": self.add(**submission)["id"]})
        return httpx2.Response(202, json={"items": items})

    def _list(self, request: httpx2.Request) -> httpx2.Response:
        size, start = 2, int(request.url.params.get("page_token", 0))
        wanted = request.url.params.get("task")
        jobs = [job for job in self.jobs.values() if wanted in (None, job["task"])]
        following = str(start + size) if start + size < len(jobs) else None
        page = {"jobs": jobs[start : start + size], "next_page_token": following}
        return httpx2.Response(200, json=page)

    def _get(self, job: dict[str, Any]) -> httpx2.Response:
        if self.end_after and not job["done"]:
            self.end_after -= 1
            if not self.end_after:
                self.end(job["id"], result=42)
        return httpx2.Response(200, json=job)

    def _result(self, job: dict[str, Any]) -> httpx2.Response:
        if not job["done"]:
            return httpx2.Response(202, json=job)
        if job["status"] != "succeeded":
            return problem(409, "job-failed", error=job.get("error"))
        return httpx2.Response(200, json=job.get("result"))

    def _cancel(self, job: dict[str, Any]) -> httpx2.Response:
        if job["done"] and job["status"] != "cancelled":
            return problem(409, "already-finished", detail="it has ended")
        if job["status"] == "running":
            job |= {"cancel_asked_at": "2026-01-02T03:04:05Z", "version": job["version"] + 1}
            return httpx2.Response(202, json=job)
        self.end(job["id"], "cancelled")
        return httpx2.Response(200, json=job)

    def _retry(self, job: dict[str, Any], **edited: Any) -> httpx2.Response:
        if not job["done"]:
            return problem(409, "not-finished", detail="it has not ended")
        job |= {"status": "queued", "done": False, "version": job["version"] + 1} | edited
        return httpx2.Response(202, json=job)

    def _why(self, job: dict[str, Any]) -> httpx2.Response:
        gates = [{"gate": "time", "until": "2030-01-01T00:00:00Z", "because": "retry"}]
        told = {"status": job["status"], "waiting_for": gates, "position": 3}
        return httpx2.Response(200, json=told)


def _give(reply: Reply) -> httpx2.Response:
    if isinstance(reply, Exception):
        raise reply
    # A response is used up by its reader, and the same trouble may come twice.
    return httpx2.Response(reply.status_code, headers=reply.headers, content=reply.content)
