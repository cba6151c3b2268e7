"""What can be asked of the service about jobs: each question is one conversation."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote
from uuid import uuid4

from pydantic_core import from_json

from warren.errors import JobFailed, JobTimeout, NotFinished, Unreachable
from warren.job_view import JobView, View
from warren.outcome import to_json
from warren.patience import Patience
from warren.problems import problem_of
from warren.service_views import ActionView, WhyView
from warren.submission import sendable
from warren.talk import USUAL_TIMEOUT_S, Answer, Call, Pause, Talk

V = TypeVar("V", bound=View)

LONGEST_WAIT_S = 30
_SOON_S = 0.25
_LONG_ACTION_S = 300.0  # many jobs may be meant
_GONE_ASTRAY = "the service answered {status} with something that is not the job service's JSON"


def submit(
    patience: Patience, submission: Mapping[str, Any], *, wait: float | None, key: str | None
) -> Talk[JobView]:
    """Hand in one job; the key makes every repetition of the request the same job."""
    headers = posting(key)
    if wait is not None:
        headers["Prefer"] = f"wait={max(0, int(wait))}"
    body = to_json(dict(submission))
    timeout_s = USUAL_TIMEOUT_S + (wait or 0)
    call = Call("POST", "/v1/jobs", headers=headers, body=body, timeout_s=timeout_s)
    return job_in((yield from patience.ask(call)))


def get(patience: Patience, job_id: str, *, wait_s: int = 0) -> Talk[JobView]:
    """Read one job; with `wait_s` the answer may come when it has ended."""
    headers = {"Prefer": f"wait={wait_s}"} if wait_s else {}
    call = Call("GET", path_of(job_id), headers=headers, timeout_s=USUAL_TIMEOUT_S + wait_s)
    return job_in((yield from patience.ask(call)))


def wait(patience: Patience, job_id: str, timeout: float | None) -> Talk[JobView]:
    """Read one job again and again until it has ended; JobTimeout if that takes too long."""
    began = patience.clock()
    while True:
        asked = patience.clock()
        left = math.inf if timeout is None else timeout - (asked - began)
        wait_s = int(min(LONGEST_WAIT_S, max(0, left)))
        job = yield from get(patience.at_most(left), job_id, wait_s=wait_s)
        if job.done:
            return job
        now = patience.clock()
        if timeout is not None and now - began >= timeout:
            raise JobTimeout(job_id, timeout)
        if now - asked < _SOON_S:  # the service does not wait with us: do not hammer it
            yield Pause(min(_SOON_S, left - (now - asked)))


def result(patience: Patience, job_id: str) -> Talk[Any]:
    """Read a job's bare result; NotFinished before there is one, JobFailed if there is none."""
    answer = yield from patience.ask(Call("GET", path_of(job_id) + "/result"))
    if answer.status == 202:
        raise NotFinished(job_id)
    if answer.status == 409:
        raise JobFailed((yield from get(patience, job_id)))
    return read(answer)


def cancel(patience: Patience, job_id: str) -> Talk[JobView]:
    """Cancel a job, or ask a running one to stop; AlreadyFinished if it ended otherwise."""
    return job_in((yield from post(patience, path_of(job_id) + "/cancel", {})))


def retry(patience: Patience, job_id: str, value: object) -> Talk[JobView]:
    """Run a job that has ended once more, with another input unless that is None."""
    body = {} if value is None else {"input": value}
    return job_in((yield from post(patience, path_of(job_id) + "/retry", body)))


def why(patience: Patience, job_id: str) -> Talk[WhyView]:
    """Read why a job does not run."""
    answer = yield from patience.ask(Call("GET", path_of(job_id) + "/why"))
    return WhyView.model_validate(read(answer))


def act(
    patience: Patience,
    action: str,
    ids: Iterable[str] | None,
    filters: Mapping[str, Any],
    *,
    dry_run: bool,
) -> Talk[ActionView]:
    """Do the same to many jobs; TypeError unless either ids or a filter say to which."""
    if (ids is None) == (not filters):
        raise TypeError("say which jobs are meant: either their ids, or a filter")
    jobs = {"filter": sendable(filters)} if ids is None else {"ids": list(ids)}
    body = {"action": action, "dry_run": dry_run, **jobs}
    answer = yield from post(patience, "/v1/actions", body, timeout_s=_LONG_ACTION_S)
    return ActionView.model_validate(read(answer))


def page(
    patience: Patience, filters: Mapping[str, Any], token: str | None
) -> Talk[tuple[list[JobView], str | None]]:
    """Read one page of a list of jobs, and the token of the next."""
    return (yield from listed(patience, "jobs", JobView, filters, token))


def listed(
    patience: Patience, of: str, view: type[V], filters: Mapping[str, Any], token: str | None
) -> Talk[tuple[list[V], str | None]]:
    """Read one page of any list, and the token of the next."""
    params = {name: _param(value) for name, value in filters.items() if value is not None}
    if token:
        params["page_token"] = token
    told = read((yield from patience.ask(Call("GET", f"/v1/{of}", params=params))))
    return [view.model_validate(each) for each in told[of]], told.get("next_page_token") or None


def path_of(id: str, of: str = "jobs") -> str:
    """The path of one job, or of another thing that has an id."""
    if not id:
        raise ValueError(f"the id of one of the {of} is empty")
    return f"/v1/{of}/{quote(id, safe='')}"


def post(
    patience: Patience,
    path: str,
    body: Mapping[str, Any],
    *,
    timeout_s: float = USUAL_TIMEOUT_S,
) -> Talk[Answer]:
    """Post JSON; the answer may be a problem."""
    told = to_json(dict(body))
    call = Call("POST", path, headers=posting(None), body=told, timeout_s=timeout_s)
    return (yield from patience.ask(call))


def posting(key: str | None) -> dict[str, str]:
    """Headers that make a POST safe to repeat."""
    return {"Content-Type": "application/json", "Idempotency-Key": key or str(uuid4())}


def job_in(answer: Answer) -> JobView:
    """The job that the answer holds; Problem if it holds one of these."""
    return JobView.model_validate(read(answer))


def read(answer: Answer) -> Any:
    """The answer's JSON; Problem if the service refused."""
    if answer.status >= 300:
        raise problem_of(answer)
    try:
        return from_json(answer.body)
    except ValueError as error:
        raise Unreachable(_GONE_ASTRAY.format(status=answer.status)) from error


def _param(value: Any) -> str | list[str]:
    if isinstance(value, list | tuple | set | frozenset):
        return [_text(item) for item in value]
    return _text(value)


def _text(value: Any) -> str:
    told = from_json(to_json(value))  # dates and enums as the service writes them
    return told if isinstance(told, str) else to_json(told).decode()
