"""The statuses of a job, and the named moves between them: the only ways in which it may change."""

from enum import StrEnum


class Status(StrEnum):
    """Where a job stands; docs/job-lifecycle.md draws the moves between these."""

    WAITING = "waiting"  # some gate is closed
    QUEUED = "queued"  # runnable
    RUNNING = "running"  # a worker has claimed it
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    SKIPPED = "skipped"


ENDS = frozenset(
    {Status.SUCCEEDED, Status.FAILED, Status.CANCELLED, Status.EXPIRED, Status.SKIPPED}
)


class Move(StrEnum):
    """The named steps of a job's life."""

    CLAIM = "be claimed"
    INHERIT = "follow the job before it"
    SUCCEED = "succeed"
    FAIL = "fail"
    HAND_BACK = "be handed back"
    LOSE = "lose its worker"
    OPEN = "become runnable"
    RETRY = "wait for another attempt"
    SNOOZE = "be put off"
    STAND_IN_LINE = "wait for a limit"
    CANCEL = "be cancelled"
    EXPIRE = "expire"
    LINE_UP = "stand in line for its key"
    AGAIN = "run again"
    AGAIN_IN_LINE = "run again once its key is free"
    SKIP = "be skipped"
    TURN_AWAY = "fail since its key is busy"
    AWAIT = "wait for what grew from it"
    COMPLETE = "be completed by what grew from it"
    FOUNDER = "fail with what grew from it"
    HOLD = "wait for others once more"


MOVES: dict[Move, tuple[frozenset[Status], Status]] = {
    Move.CLAIM: (frozenset({Status.QUEUED}), Status.RUNNING),
    Move.INHERIT: (frozenset({Status.WAITING}), Status.RUNNING),
    Move.SUCCEED: (frozenset({Status.RUNNING}), Status.SUCCEEDED),
    Move.FAIL: (frozenset({Status.RUNNING}), Status.FAILED),
    Move.HAND_BACK: (frozenset({Status.RUNNING}), Status.QUEUED),
    Move.LOSE: (frozenset({Status.RUNNING}), Status.QUEUED),
    Move.OPEN: (frozenset({Status.WAITING}), Status.QUEUED),
    Move.RETRY: (frozenset({Status.RUNNING}), Status.WAITING),
    Move.SNOOZE: (frozenset({Status.RUNNING}), Status.WAITING),
    Move.STAND_IN_LINE: (frozenset({Status.RUNNING}), Status.WAITING),
    Move.CANCEL: (frozenset({Status.WAITING, Status.QUEUED, Status.RUNNING}), Status.CANCELLED),
    Move.EXPIRE: (frozenset({Status.WAITING, Status.QUEUED, Status.RUNNING}), Status.EXPIRED),
    Move.LINE_UP: (frozenset({Status.WAITING}), Status.WAITING),
    Move.AGAIN: (ENDS, Status.QUEUED),
    Move.AGAIN_IN_LINE: (ENDS, Status.WAITING),
    Move.SKIP: (frozenset({Status.WAITING}), Status.SKIPPED),
    Move.TURN_AWAY: (frozenset({Status.WAITING}), Status.FAILED),
    Move.AWAIT: (frozenset({Status.RUNNING}), Status.WAITING),
    Move.COMPLETE: (frozenset({Status.WAITING}), Status.SUCCEEDED),
    Move.FOUNDER: (frozenset({Status.WAITING}), Status.FAILED),
    Move.HOLD: (ENDS, Status.WAITING),
}
"""Each move: from which statuses, to which."""
