"""What an operator asks of the service: its workers and queues; each question is a conversation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from warren.patience import Patience
from warren.questions import listed, path_of, post, read
from warren.service_views import QueueView, WorkerView
from warren.talk import Talk


def workers(patience: Patience) -> Talk[list[WorkerView]]:
    """Read which workers there are."""
    found, _ = yield from listed(patience, "workers", WorkerView, {}, None)
    return found


def drain(patience: Patience, worker: str) -> Talk[WorkerView]:
    """Let a worker finish what it runs, take nothing more, and stop."""
    answer = yield from post(patience, path_of(worker, "workers") + "/drain", {})
    return WorkerView.model_validate(read(answer))


def queues(patience: Patience) -> Talk[list[QueueView]]:
    """Read how the queues stand."""
    found, _ = yield from listed(patience, "queues", QueueView, {}, None)
    return found


def pause(
    patience: Patience, *, queue: str | None, task: str | None, why: str | None
) -> Talk[None]:
    """Let nothing of a queue, or of a task, begin."""
    yield from post(
        patience, _path_of_one(queue, task) + "/pause", {} if why is None else {"why": why}
    )


def resume(patience: Patience, *, queue: str | None, task: str | None) -> Talk[None]:
    """Let the jobs of a queue, or of a task, begin again."""
    yield from post(patience, _path_of_one(queue, task) + "/resume", {})


def forget_results(patience: Patience, which: Mapping[str, Any]) -> Talk[int]:
    """Let equal calls run anew; return how many results are used no more."""
    said = {name: value for name, value in which.items() if value is not None}
    answer = yield from post(patience, "/v1/cache/invalidate", said)
    return int(read(answer)["forgotten"])


def _path_of_one(queue: str | None, task: str | None) -> str:
    if queue is not None and task is None:
        return path_of(queue, "queues")
    if task is not None and queue is None:
        return path_of(task, "tasks")
    raise TypeError("name either a queue or a task")
