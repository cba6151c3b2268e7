"""A child process that runs one task at a time for its worker, and can be killed at any moment."""

import asyncio
import os
import sys
from threading import Lock
from typing import Any, BinaryIO

from warren.job import Job
from warren.outcome import error_of, to_json
from worker.executions.frames import encode_frame, read_frame
from worker.registry import AnyTask, load_registry


class _Port:
    """Sends reports of the running task to the worker."""

    cancelled = False  # a process is killed instead

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._lock = Lock()

    def send(self, message: dict[str, Any]) -> None:
        with self._lock:
            self._out.write(encode_frame(message))
            self._out.flush()

    def progress(self, current: float, total: float | None, message: str | None) -> None:
        self.send({"progress": [current, total, message]})

    def log(self, level: str, message: str, fields: dict[str, object]) -> None:
        self.send({"log": [level, message, fields]})


def main() -> None:
    """Answer calls on standard input until it closes."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a task prints must not mix with our frames
    calls = os.fdopen(os.dup(0), "rb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # nor may it read the calls
    registry = load_registry(sys.argv[1].split(","))
    port = _Port(out)
    port.send({"ready": True})
    while (call := read_frame(calls)) is not None:
        port.send(_answer(registry.get(call["task"]), call, port))


def _answer(task: AnyTask, call: dict[str, Any], port: _Port) -> dict[str, Any]:
    job = Job(id=call["id"], attempt=call["attempt"], input=call["input"], port=port)
    try:
        result = task.fn(**task.arguments(job.input, job))
        if asyncio.iscoroutine(result):
            result = asyncio.run(result)
        return {"result": to_json(result).decode()}
    except BaseException as error:  # noqa: BLE001 -- whatever a task does is an outcome
        return {"error": error_of(error, attempt=job.attempt)}


if __name__ == "__main__":
    main()
