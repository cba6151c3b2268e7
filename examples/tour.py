"""A guided tour against a running service: what it does, in plain words, and that it does.

Start the service with `make run`, then in another terminal `make demo`, which is this module.
WARREN_URL and WARREN_API_KEY say where and who. The exit code is 0 only if all was as told.
"""

import json
import shlex
import sys
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from warren import Client, ClientError, JobFailed, Problem
from warren.address import Address

MANY = 100


class NotAsTold(Exception):
    """The service did something else than this tour says."""


class Tour:
    """The stops of the tour, and what they share."""

    def __init__(self, warren: Client) -> None:
        self.warren = warren
        self.tag = f"tour-{uuid4().hex[:8]}"
        self.stops = 0

    def run(self) -> None:
        """Go from stop to stop; NotAsTold ends the tour."""
        stops: list[Callable[[], None]] = [
            self.a_job,
            self.progress_that_is_pushed,
            self.an_input_that_is_refused,
            self.a_job_that_fails,
            self.the_same_request_twice,
            self.many_at_once,
            self.a_list,
        ]
        for stop in stops:
            stop()
        say(f"\nThe tour ends here: {self.stops} stops, and everything was as told.")

    def a_job(self) -> None:
        self._title("A job goes in over HTTP, a worker runs it, the answer waits for its end")
        self._curl_submit("math.add", {"x": 1, "y": 2}, "Prefer: wait=10")
        job = self.warren.submit("math.add", {"x": 1, "y": 2}, wait=10, tags=[self.tag]).wait(30)
        say(f"{job.task} is {job.status}: the result is {job.result}, after attempt {job.attempt}.")
        expect(job.result == 3, "1 + 2 is 3")

    def progress_that_is_pushed(self) -> None:
        self._title("What a job says of itself while it runs is pushed over a WebSocket")
        self._curl_submit("demo.sleep", {"seconds": 2, "steps": 4})
        job = self.warren.submit("demo.sleep", {"seconds": 2, "steps": 4}, tags=[self.tag])
        say("The same as a stream, for curl and browsers:")
        self._curl("GET", f"/v1/jobs/{job.id}/events", None, "Accept: text/event-stream")
        heard = []
        for event in job.watch():
            heard.append(event.event)
            step = event.job.progress.message if event.job.progress else ""
            say(f"  version {event.seq}: {event.event} {step or ''}".rstrip())
        expect("job.progress" in heard, "progress is pushed")
        expect(heard[-1] == "job.succeeded", "the end is pushed, and it is the last word")

    def an_input_that_is_refused(self) -> None:
        self._title("A wrong input is refused at the door, with the place that is wrong")
        self._curl_submit("math.add", {"x": "one", "y": 2})
        problem = self._refused("math.add", {"x": "one", "y": 2})
        say(f"Status {problem.status}, {problem.slug}: {problem.errors}")
        expect(problem.status == 422, "the status is 422")
        expect(problem.errors[0]["pointer"] == "/input/x", "the answer points at x")
        problem = self._refused("math.ad", {})
        say(f"A task that nobody has: {problem.status}, {problem.detail}.")
        expect(problem.slug == "unknown-task", "an unknown task is called that")

    def a_job_that_fails(self) -> None:
        self._title("A job that fails says why, as JSON, whatever the task raised")
        self._curl_submit("http.get", {"url": "http://127.0.0.1:9/"}, "Prefer: wait=10")
        job = self.warren.submit("http.get", {"url": "http://127.0.0.1:9/"}, tags=[self.tag])
        try:
            job.get(timeout=30)
        except JobFailed as failure:
            say(f"{failure}.")
            say(
                "(Tasks may not reach into the service's own network unless an operator allows it.)"
            )
        else:
            raise NotAsTold("fetching from the service's own machine should fail")

    def the_same_request_twice(self) -> None:
        self._title("The same Idempotency-Key means the same job, however often it is sent")
        key, tags = uuid4().hex, [self.tag]
        self._curl_submit("math.add", {"x": 2, "y": 2}, f"Idempotency-Key: {key}")
        ids = {
            self.warren.submit("math.add", {"x": 2, "y": 2}, idempotency_key=key, tags=tags).id
            for _ in range(3)
        }
        say(f"Sent three times, and there is one job: {', '.join(ids)}.")
        expect(len(ids) == 1, "there is one job")

    def many_at_once(self) -> None:
        self._title(f"{MANY} jobs in one request, and a bad one among them spoils no other")
        self._curl("POST", "/v1/jobs/bulk", [{"task": "math.add", "input": {"x": 0, "y": 0}}])
        wanted: list[dict[str, Any]] = [
            {"task": "math.add", "input": {"x": n, "y": n}, "tags": [self.tag]} for n in range(MANY)
        ]
        wanted.append({"task": "math.add", "input": {"x": 1}, "tags": [self.tag]})
        told = self.warren.submit_many(wanted)
        problems = [each for each in told if isinstance(each, Problem)]
        results = [each.get(timeout=60) for each in told if not isinstance(each, Problem)]
        say(f"{len(results)} ran, their results sum up to {sum(results)}; {len(problems)} refused.")
        expect(results == [2 * n for n in range(MANY)], "each result is its own job's, in order")
        expect([problem.status for problem in problems] == [422], "the bad one is refused")

    def a_list(self) -> None:
        self._title("All of it is remembered, and can be listed")
        self._curl("GET", f"/v1/jobs?tag={self.tag}&status=succeeded&page_size=50")
        jobs = list(self.warren.list(tag=self.tag, page_size=50))
        say(f"This tour left {len(jobs)} jobs; the newest is {jobs[0].id}, {jobs[0].status}.")
        expect(len(jobs) == MANY + 4, "every accepted job is there")
        expect(all(job.done for job in jobs if job.task != "math.add"), "and has ended")

    def _refused(self, task: str, value: dict[str, Any]) -> Problem:
        try:
            job = self.warren.submit(task, value, tags=[self.tag])
        except Problem as problem:
            return problem
        raise NotAsTold(f"{task} of {value} should have been refused, but became job {job.id}")

    def _title(self, text: str) -> None:
        self.stops += 1
        say(f"\n{self.stops}. {text}.\n")

    def _curl_submit(self, task: str, value: dict[str, Any], *headers: str) -> None:
        self._curl("POST", "/v1/jobs", {"task": task, "input": value}, *headers)

    def _curl(self, method: str, path: str, body: Any = None, *headers: str) -> None:
        """Show the same request for the command line."""
        words = ["curl", "-s"] if method == "GET" else ["curl", "-s", "-X", method]
        if self.warren.address.api_key:
            headers = ("Authorization: Bearer $WARREN_API_KEY", *headers)
        for header in headers:
            words += ["-H", f'"{header}"']
        if body is not None:
            words += ["-H", '"Content-Type: application/json"', "-d", shlex.quote(json.dumps(body))]
        say(f"   {' '.join(words)} {shlex.quote(self.warren.address.url + path)}\n")


def say(line: str) -> None:
    """Tell the visitor now, even through a pipe."""
    print(line, flush=True)


def expect(condition: bool, told: str) -> None:
    """Raise NotAsTold unless the condition holds."""
    if not condition:
        raise NotAsTold(f"this should hold, and does not: {told}")


def main() -> int:
    """Give the tour; 0 if all was as told, 1 if not, 2 if the service cannot be used."""
    address = Address.of()
    say(f"Warren at {address.url}. Each stop shows the request for curl, then what came of it.")
    try:
        with Client(patience_s=10) as warren:
            Tour(warren).run()
    except NotAsTold as error:
        say(f"\nNot as told: {error}.")
        return 1
    except ClientError as error:
        say(f"\nThe tour cannot go on: {error}\n`make run` starts a service.")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
