"""Everything that Warren raises on purpose.

    WarrenError
    |-- BadSetting            an environment variable is missing or makes no sense
    |-- Malformed             bytes that are not the strict JSON we accept
    |-- InvalidInput          well-formed, but not what the task or the field takes
    |   `-- InvalidSchedule   a rule that names no times, or a zone that does not exist
    |-- ScheduleExists        another schedule has this name
    |-- UnknownTask           no worker has ever declared this task
    |-- NotFound              nothing has this id
    |   `-- Forgotten         something had it, and was removed from the history
    |-- LaneFull              too many jobs wait for a key already
    |-- BadPageToken          a page token that we did not issue for this query
    |-- IdempotencyMismatch   a known Idempotency-Key came with another body
    |-- IdempotencyInProgress the first request with this Idempotency-Key is not answered yet
    |-- Duplicate             an equal job is under way, and only one may be
    |-- IllegalMove           the lifecycle forbids this step
    |-- LeaseLost             this worker can no longer prove that it is alive
    `-- Unavailable           a backing service is away; trying again may help
        |-- BrokerUnavailable
        `-- StoreUnavailable

Each has a stable `code`. HTTP statuses exist only in `api/`.
"""

from dataclasses import dataclass
from typing import ClassVar


class WarrenError(Exception):
    """The root; its message says what happened, to which id, and what to do."""

    code: ClassVar[str] = "internal"


class BadSetting(WarrenError):
    """An environment variable is missing or makes no sense."""

    code = "bad-setting"


class Malformed(WarrenError):
    """The bytes are not the strict JSON that we accept."""

    code = "malformed-request"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with an input: where (a JSON Pointer, RFC 6901) and what."""

    pointer: str
    message: str


class InvalidInput(WarrenError):
    """Well-formed, but not what the task or the field takes."""

    code = "invalid-input"

    def __init__(self, faults: list[Fault]) -> None:
        first = faults[0]
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        super().__init__(f"{first.pointer or 'the body'}: {first.message}{more}")
        self.faults = faults


class InvalidSchedule(InvalidInput):
    """A rule that names no times, or a zone that does not exist."""

    code = "invalid-schedule"


class ScheduleExists(WarrenError):
    """Another schedule has this name."""

    code = "schedule-exists"


class UnknownTask(WarrenError):
    """No worker has ever declared this task."""

    code = "unknown-task"

    def __init__(self, task: str) -> None:
        super().__init__(
            f"no worker has declared a task named {task!r}; GET /v1/tasks lists those that exist"
        )
        self.task = task


class NotFound(WarrenError):
    """Nothing has this id."""

    code = "not-found"


class Forgotten(NotFound):
    """Something had this id, and was removed from the history."""

    code = "job-expired-from-history"


class LaneFull(WarrenError):
    """Too many jobs wait for a key already."""

    code = "lane-full"

    def __init__(self, *, key: str, depth: int, cap: int) -> None:
        super().__init__(
            f"{depth} jobs wait for the key {key!r}, and no more than {cap} are to; try again later"
        )
        self.key, self.depth, self.cap = key, depth, cap


class BadPageToken(WarrenError):
    """A page token that we did not issue for this query."""

    code = "invalid-page-token"


class IdempotencyMismatch(WarrenError):
    """A known Idempotency-Key came with another body."""

    code = "idempotency-mismatch"


class IdempotencyInProgress(WarrenError):
    """The first request with this Idempotency-Key is not answered yet."""

    code = "idempotency-in-progress"


class Duplicate(WarrenError):
    """An equal job is under way, and only one may be."""

    code = "duplicate"

    def __init__(self, job_id: str, holder: str) -> None:
        super().__init__(
            f"job {job_id} was to be the only one of its kind, and job {holder} is under way; "
            "wait for its end, or cancel it"
        )
        self.holder = holder


class IllegalMove(WarrenError):
    """The lifecycle forbids this step."""

    code = "illegal-move"

    def __init__(self, *, job_id: str, current: str, move: str) -> None:
        super().__init__(f"job {job_id} is {current}; it cannot {move}")
        self.job_id, self.current, self.move = job_id, current, move


class LeaseLost(WarrenError):
    """This worker can no longer prove that it is alive, so it must stop working."""

    code = "lease-lost"


class Unavailable(WarrenError):
    """A backing service is away; trying again may help. A write may have taken effect."""

    code = "unavailable"


class BrokerUnavailable(Unavailable):
    """RabbitMQ is away or blocked."""

    code = "broker-unavailable"


class StoreUnavailable(Unavailable):
    """MongoDB is away, or has no primary."""

    code = "store-unavailable"
