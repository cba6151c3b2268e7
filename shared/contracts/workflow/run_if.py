"""When a node runs, by how its parents ended.

The verdict depends only on how the parents end, never on the order in which they do: a follow-up
that is repeated or late cannot change what becomes of a workflow.
"""

from enum import Enum, StrEnum
from typing import Any, NamedTuple

from shared.contracts.moves import Status
from shared.contracts.record import record
from shared.contracts.workflow.bits import all_of


class Rule(StrEnum):
    """What a node asks of its parents."""

    ALL_SUCCEEDED = "all_succeeded"
    ALL_DONE = "all_done"
    ANY_SUCCEEDED = "any_succeeded"
    ANY_FAILED = "any_failed"
    SUCCEEDED = "succeeded"  # so many of them


HANDLES = frozenset({Rule.ANY_FAILED, Rule.ALL_DONE})
"""The rules by which a node takes care of a failure before it."""


class RunIf(NamedTuple):
    """A rule, and for `succeeded` how many parents must."""

    rule: Rule = Rule.ALL_SUCCEEDED
    least: int = 1


class Signal(StrEnum):
    """How a node's end looks to those that depend on it."""

    GOOD = "good"  # succeeded, or passed over by hand
    FAILED = "failed"  # failed, expired or cancelled, with nobody forgiving it
    FORGIVEN = "forgiven"  # the same, and `tolerate` was set
    UPSTREAM = "upstream"  # skipped, because something before it failed
    IDLE = "idle"  # skipped, because its condition did not hold


class Verdict(Enum):
    """What becomes of a node that waits for its parents."""

    WAIT = "wait"
    RUN = "run"
    SKIP = "skip"  # its condition cannot hold any more
    SKIP_UPSTREAM = "skip, because something upstream failed"


@record
class Parents:
    """How the parents of a node have ended so far: sets of their places in its list."""

    total: int
    open: int
    good: int = 0
    failed: int = 0
    forgiven: int = 0
    upstream: int = 0

    @classmethod
    def waiting(cls, total: int) -> "Parents":
        """As many parents, none of which has ended."""
        return cls(total=total, open=all_of(total))

    def told(self, places: int, signal: Signal) -> "Parents":
        """The parents at these places (a set) ended so. Told again, it changes nothing."""
        news = places & self.open
        return Parents(
            total=self.total,
            open=self.open & ~news,
            good=self.good | news * (signal is Signal.GOOD),
            failed=self.failed | news * (signal is Signal.FAILED),
            forgiven=self.forgiven | news * (signal is Signal.FORGIVEN),
            upstream=self.upstream | news * (signal is Signal.UPSTREAM),
        )


def signal_of(
    status: Status, *, tolerate: bool = False, upstream: bool = False, passed: bool = False
) -> Signal:
    """Return how an end looks to dependents.

    Of a skipped node, `upstream` says that a failure was the cause, `passed` that somebody skipped
    it by hand, so that what depends on it may run.
    """
    if status is Status.SUCCEEDED:
        return Signal.GOOD
    if status is Status.SKIPPED:
        return Signal.GOOD if passed else Signal.UPSTREAM if upstream else Signal.IDLE
    return Signal.FORGIVEN if tolerate else Signal.FAILED


def verdict(run_if: RunIf, parents: Parents, *, hook: bool = False) -> Verdict:
    """Decide what becomes of a node that has not started.

    A failure skips what needed it at once. A parent that was merely skipped is no reason for haste:
    the node is skipped when its last parent has ended, or earlier by a failure. So the verdict does
    not depend on which came first. For a hook only a failure of its own nodes is one.
    """
    rule = run_if.rule
    if rule is Rule.ALL_SUCCEEDED:
        return _all_succeeded(parents)
    if rule is Rule.ALL_DONE:
        return Verdict.WAIT if parents.open else Verdict.RUN
    if rule is Rule.ANY_FAILED:
        if parents.failed or parents.forgiven or (parents.upstream and not hook):
            return Verdict.RUN
        return Verdict.WAIT if parents.open else Verdict.SKIP
    return _succeeded(parents, 1 if rule is Rule.ANY_SUCCEEDED else run_if.least)


def _all_succeeded(parents: Parents) -> Verdict:
    if parents.failed or parents.upstream:
        return Verdict.SKIP_UPSTREAM
    if parents.open:
        return Verdict.WAIT
    idle = parents.total != (parents.good | parents.forgiven).bit_count()
    return Verdict.SKIP if idle else Verdict.RUN


def _succeeded(parents: Parents, count: int) -> Verdict:
    good = parents.good.bit_count()
    if good >= count:
        return Verdict.RUN
    failure = bool(parents.failed or parents.upstream)
    if failure and good + parents.open.bit_count() < count:
        return Verdict.SKIP_UPSTREAM
    return Verdict.WAIT if parents.open else Verdict.SKIP


def read_run_if(value: Any) -> RunIf:
    """Return the rule that JSON means; raise ValueError with the reason."""
    if isinstance(value, str) and value in _NAMED:
        return RunIf(rule=Rule(value))
    if isinstance(value, dict) and list(value) == ["succeeded"]:
        count = value["succeeded"]
        if type(count) is not int or count < 1:
            raise ValueError('{"succeeded": n} needs a whole number above 0')
        return RunIf(rule=Rule.SUCCEEDED, least=count)
    raise ValueError(f'must be one of {", ".join(_NAMED)} or {{"succeeded": n}}')


_NAMED = tuple(rule.value for rule in Rule if rule is not Rule.SUCCEEDED)
