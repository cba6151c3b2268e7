"""Queues and tasks that an operator has paused: by whom, why, and since when."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime

from shared.contracts.record import record


@record
class Pause:
    """Who let nothing of a queue or a task begin, and why."""

    at: datetime
    by: str | None = None  # the name of the API key
    why: str | None = None


@record
class Paused:
    """Everything that is paused, by name."""

    queues: Mapping[str, Pause] = field(default_factory=dict)
    tasks: Mapping[str, Pause] = field(default_factory=dict)

    def holds(self, queue: str, task: str) -> bool:
        """Say whether no job of this queue and task may begin."""
        return queue in self.queues or task in self.tasks

    def __bool__(self) -> bool:
        """Say whether anything is paused."""
        return bool(self.queues or self.tasks)


NOTHING_PAUSED = Paused()
