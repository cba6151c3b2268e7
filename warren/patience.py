"""How long to go on asking a service that does not answer, or answers "not now"."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from warren.errors import Problem, Unreachable
from warren.problems import problem_of
from warren.talk import Answer, Call, Pause, Talk

_FIRST_S, _LONGEST_S = 0.1, 5.0
_LATER = {429, 502, 503, 504}


@dataclass(frozen=True)
class Patience:
    """Keeps asking for `total_s` seconds, ever more slowly, with jitter."""

    total_s: float = 60.0
    clock: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random

    def begin(self) -> Tries:
        """Start counting."""
        return Tries(self, self.clock())

    def at_most(self, seconds: float) -> Patience:
        """This patience, or less of it."""
        return replace(self, total_s=max(0.0, min(self.total_s, seconds)))

    def ask(self, call: Call) -> Talk[Answer]:
        """Make the call until it has an answer that repeating it would not better."""
        tries = self.begin()
        while True:
            try:
                answer = yield call
            except Unreachable as error:
                yield tries.pause(error)
                continue
            assert answer is not None
            if (problem := _not_now(answer)) is None:
                return answer
            yield tries.pause(problem, at_least=retry_after(answer))


@dataclass
class Tries:
    """The tries of one call so far."""

    patience: Patience
    began: float
    count: int = field(default=0)

    def pause(self, error: Exception, *, at_least: float = 0.0) -> Pause:
        """How long to wait before the next try; raises the error once patience is over."""
        longest = min(_LONGEST_S, _FIRST_S * 2 ** min(self.count, 10))
        seconds = max(at_least, longest * (0.5 + self.patience.chance() / 2))
        if self.patience.clock() + seconds > self.began + self.patience.total_s:
            raise error
        self.count += 1
        return Pause(seconds)


def retry_after(answer: Answer) -> float:
    """The seconds that Retry-After asks for (it may be a date), or 0."""
    said = answer.headers.get("retry-after", "").strip()
    try:
        return max(0.0, float(said))
    except ValueError:
        return _until(said)


def _until(date: str) -> float:
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return 0.0
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())


def _not_now(answer: Answer) -> Problem | None:
    if answer.status in _LATER:
        return problem_of(answer)
    if answer.status == 409:
        problem = problem_of(answer)
        # Our own earlier try with this Idempotency-Key is still under way.
        return problem if problem.slug == "idempotency-in-progress" else None
    return None
