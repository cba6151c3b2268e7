"""A child process that runs one task at a time for its worker, and can be killed at any moment."""

import os
import signal
import sys
from dataclasses import asdict
from datetime import datetime
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, BinaryIO

from warren.errors import Replacement
from warren.growing import Planted, SpawnOptions
from warren.job import Job
from warren.limiting import Unlimited
from warren.outcome import error_of, to_json
from warren.soft_timeout import call_here
from worker.executions.frames import encode_frame, read_frame
from worker.executions.refusals import refusal_of
from worker.registry import AnyTask, load_registry
from worker.rest import rest_of


class _Port:
    """Sends reports of the running task to the worker."""

    cancelled = False  # a process is killed instead

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._lock = Lock()
        self._spawning = Lock()  # one at a time: answers come in the order of the questions
        self.answers: SimpleQueue[dict[str, Any]] = SimpleQueue()

    def send(self, message: dict[str, Any]) -> None:
        with self._lock:
            self._out.write(encode_frame(message))
            self._out.flush()

    def progress(self, current: float, total: float | None, message: str | None) -> None:
        self.send({"progress": [current, total, message]})

    def limit(self, name: str, cost: float) -> Unlimited:
        raise RuntimeError(f"a process task cannot wait for {name!r}: use @task(limits=...)")

    def outage(self) -> None:
        self.send({"outage": True})

    def log(self, level: str, message: str, fields: dict[str, object]) -> None:
        self.send({"log": [level, message, fields]})

    def spawn(self, graph: dict[str, Any], options: SpawnOptions) -> Planted:
        with self._spawning:
            self.send({"spawn": [graph, options]})
            answer = self.answers.get()
        if "refused" in answer:
            raise refusal_of(answer["refused"])
        planted: Planted = answer["planted"]
        return planted


def main() -> None:
    """Answer calls on standard input until it closes, which ends us in the midst of a task too."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a task prints must not mix with our frames
    calls = os.fdopen(os.dup(0), "rb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # nor may it read the calls
    registry = load_registry(sys.argv[1].split(","))
    port = _Port(out)
    heard: SimpleQueue[dict[str, Any]] = SimpleQueue()
    Thread(target=_hear, args=(calls, heard, port.answers), name="calls", daemon=True).start()
    port.send({"ready": True})
    while True:
        call = heard.get()
        port.send(_answer(registry.get(call["task"]), call, port))


def _hear(
    calls: BinaryIO,
    heard: "SimpleQueue[dict[str, Any]]",
    answers: "SimpleQueue[dict[str, Any]]",
) -> None:
    while (call := read_frame(calls)) is not None:
        (heard if "task" in call else answers).put(call)
    # The worker is gone: what we run would be run again elsewhere, beside us.
    os.killpg(0, signal.SIGKILL)


def _answer(task: AnyTask, call: dict[str, Any], port: _Port) -> dict[str, Any]:
    told = call["job"]
    if told["nominal_at"] is not None:
        told["nominal_at"] = datetime.fromisoformat(told["nominal_at"])
    job = Job(**told, port=port)
    try:
        return {"result": to_json(call_here(task, job, call["soft_s"])).decode()}
    except Replacement as replacement:
        return {"replacement": replacement.graph}
    except BaseException as error:  # noqa: BLE001 -- whatever a task does is an outcome
        rest = rest_of(error)
        return {
            "error": error_of(error, attempt=job.attempt, retryable=task.retryable),
            "rest": asdict(rest) if rest else None,
        }


if __name__ == "__main__":
    main()
