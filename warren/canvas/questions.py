"""What can be asked of the service about workflows: each question is one conversation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from warren.canvas.failures import WorkflowTimeout
from warren.canvas.views import WorkflowView
from warren.outcome import to_json
from warren.patience import Patience
from warren.questions import LONGEST_WAIT_S, path_of, post, posting, read
from warren.talk import USUAL_TIMEOUT_S, Answer, Call, Pause, Talk

_PATH = "/v1/workflows"
_SOON_S = 0.25


def submit(
    patience: Patience, document: Mapping[str, Any], *, wait: float | None, key: str | None
) -> Talk[WorkflowView]:
    """Hand in a workflow; the key makes every repetition of the request the same one."""
    headers = posting(key)
    if wait is not None:
        headers["Prefer"] = f"wait={max(0, int(wait))}"
    timeout_s = USUAL_TIMEOUT_S + (wait or 0)
    body = to_json(dict(document))
    call = Call("POST", _PATH, headers=headers, body=body, timeout_s=timeout_s)
    return _workflow_in((yield from patience.ask(call)))


def check(patience: Patience, document: Mapping[str, Any]) -> Talk[dict[str, Any]]:
    """Have a workflow validated without running it; what the service says of it."""
    body = to_json(dict(document))
    params = {"dry_run": "true"}
    call = Call("POST", _PATH, params=params, headers=posting(None), body=body)
    told: dict[str, Any] = read((yield from patience.ask(call)))
    return told


def get(patience: Patience, id: str, *, wait_s: int = 0) -> Talk[WorkflowView]:
    """Read a workflow; with `wait_s` the answer may come when it has ended."""
    headers = {"Prefer": f"wait={wait_s}"} if wait_s else {}
    call = Call("GET", _path(id), headers=headers, timeout_s=USUAL_TIMEOUT_S + wait_s)
    return _workflow_in((yield from patience.ask(call)))


def wait(patience: Patience, id: str, timeout: float | None) -> Talk[WorkflowView]:
    """Read a workflow until it has ended; WorkflowTimeout if that takes too long."""
    began = patience.clock()
    while True:
        asked = patience.clock()
        left = math.inf if timeout is None else timeout - (asked - began)
        wait_s = int(min(LONGEST_WAIT_S, max(0, left)))
        workflow = yield from get(patience.at_most(left), id, wait_s=wait_s)
        if workflow.done:
            return workflow
        now = patience.clock()
        if timeout is not None and now - began >= timeout:
            raise WorkflowTimeout(id, timeout)
        if now - asked < _SOON_S:  # the service does not wait with us: do not hammer it
            yield Pause(min(_SOON_S, left - (now - asked)))


def cancel(patience: Patience, id: str) -> Talk[WorkflowView]:
    """Cancel every node that has not ended."""
    return _workflow_in((yield from post(patience, _path(id) + "/cancel", {})))


def retry(patience: Patience, id: str) -> Talk[WorkflowView]:
    """Run again what failed and all that comes after it; what succeeded is kept."""
    return _workflow_in((yield from post(patience, _path(id) + "/retry", {})))


def _path(id: str) -> str:
    return path_of(id, "workflows")


def _workflow_in(answer: Answer) -> WorkflowView:
    return WorkflowView.model_validate(read(answer))
