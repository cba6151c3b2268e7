"""What an operator asks of the service: its workers and queues; each question is a conversation."""

from __future__ import annotations

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
