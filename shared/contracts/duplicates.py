"""What an earlier job with the same slot means for a submission: an answer, a change, or nothing.

Nothing releases a slot when a job ends. Whoever submits next judges the job that holds it, by its
own rule, and takes the slot over if that job does not count any more (docs/decisions/0017).
"""

from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from shared.contracts.catalogue import TaskEntry
from shared.contracts.equality import Cache, Unique, cache_slot, filled, unique_slot
from shared.contracts.errors import Fault, InvalidInput
from shared.contracts.gates import in_time
from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.contracts.record import record
from shared.contracts.slot import Slot
from shared.contracts.submission import Options

_UNSTARTED = (Status.WAITING, Status.QUEUED)
_SAID_OF_EQUALS = frozenset(("cache", "unique", "debounce_s", "debounce_max_s"))
_LONGEST_DEBOUNCE = 10  # times debounce_s, unless the submission says otherwise


class Answer(StrEnum):
    """How a submission was answered."""

    MISS = "miss"  # the cache had nothing: this job runs
    HIT = "hit"  # with a stored result
    STALE = "stale"  # with one that is too old, while another job makes a new one
    JOINED = "joined"  # with the run under way
    NEW = "new"  # nothing was in the way of this unique job
    EXISTING = "existing"  # with the job that was there before
    REPLACED = "replaced"  # the same, with fields of this submission
    DEBOUNCED = "debounced"  # the same, and its time was put off


CACHE_ANSWERS = frozenset({Answer.MISS, Answer.HIT, Answer.STALE, Answer.JOINED})


@record
class Rule:
    """How a submission treats equal ones that came before."""

    cache: Cache | None = None  # one of the three
    unique: Unique | None = None
    debounce: timedelta | None = None
    longest: timedelta = timedelta()  # from the first submission, that debouncing may put off

    @property
    def fresh(self) -> Answer:
        """Return what is said of a job that this submission makes."""
        return Answer.MISS if self.cache else Answer.NEW


class Verdict(NamedTuple):
    """What the job that holds a slot means for an equal submission."""

    answer: Answer | None  # none: it does not count, and its slot may be taken over
    after: Job | None = None  # it is the answer once this change is stored


LAPSED = Verdict(None)


def rule_of(options: Options, entry: TaskEntry) -> Rule | None:
    """Return the rule of a submission, or its task's; None for most. Raise InvalidInput.

    A submission that says anything of it, if only null, has the last word.
    """
    if _SAID_OF_EQUALS.isdisjoint(options.model_fields_set):
        return _of_the_task(options, entry)
    if options.debounce_s is not None:
        return _debouncing(options)
    if options.debounce_max_s is not None:
        raise _refusal("/debounce_max_s", "means nothing without debounce_s")
    if options.unique is not None:
        if options.cache is not None:
            raise _refusal("/unique", "send either cache or unique")
        return Rule(unique=options.unique)
    return Rule(cache=options.cache) if options.cache else None


def with_slot(job: Job, rule: Rule, options: Options, value: Any) -> Job:
    """Return the job of a submission under its rule; `value` is the input."""
    if rule.cache:
        key = rule.cache.key
        if key is not None and options.cache is None:
            key = filled(key, value)  # the task's own is a template
        name = cache_slot(job.task, key, value)
    else:
        by = rule.unique.by if rule.unique else Unique().by
        name = unique_slot(job, by, value, kind="d" if rule.debounce else "u")
    job = replace(job, slot=Slot(name=name, held=name, answer=rule.fresh))
    return replace(job, **_waiting(job.created_at, rule.debounce)) if rule.debounce else job


def judged(rule: Rule, job: Job, holder: Job, *, now: datetime) -> Verdict:
    """Say what the `holder` of its slot means for the `job` of a submission.

    `now` is the database's time. Whether a result that `holder` renews is an answer in its place,
    `judged_renewal` says.
    """
    if rule.cache:
        return _judged_cache(rule.cache, holder, now=now)
    if rule.debounce:
        return _judged_debounce(rule, rule.debounce, job, holder, now=now)
    return _judged_unique(rule.unique or Unique(), job, holder, now=now)


def judged_renewal(rule: Rule, old: Job, *, now: datetime) -> Verdict:
    """Say whether an old result that another job is about to renew may be the answer meanwhile."""
    verdict = _judged_cache(rule.cache, old, now=now) if rule.cache else LAPSED
    return verdict if verdict.answer in (Answer.HIT, Answer.STALE) else LAPSED


def _judged_cache(cache: Cache, holder: Job, *, now: datetime) -> Verdict:
    if not holder.done:
        return LAPSED if holder.cancel_asked_at else Verdict(Answer.JOINED)
    if holder.finished_at is None:
        return LAPSED
    age = (now - holder.finished_at).total_seconds()
    if holder.status is Status.SUCCEEDED:
        if age < cache.ttl_s:
            return Verdict(Answer.HIT)
        return Verdict(Answer.STALE) if age < cache.ttl_s + cache.stale_s else LAPSED
    counts = cache.failures and holder.status is Status.FAILED and age < cache.ttl_s
    return Verdict(Answer.HIT) if counts else LAPSED


def _judged_unique(unique: Unique, job: Job, holder: Job, *, now: datetime) -> Verdict:
    if isinstance(unique.for_, str):
        succeeded = holder.status is Status.SUCCEEDED and unique.for_ == "successful"
        counts = not holder.done or succeeded
    else:
        counts = (now - holder.created_at).total_seconds() < unique.for_
    if not counts:
        return LAPSED
    if unique.replace and _has_not_started(holder):
        changes = {name: value for field in unique.replace for name, value in _of(field, job)}
        if holder.status is Status.QUEUED or holder.because != "schedule":
            changes = {n: v for n, v in changes.items() if n not in ("run_at", "due_at")}
        elif changes.get("due_at", holder.due_at) is None:
            changes["due_at"] = now
        return Verdict(Answer.REPLACED, holder.amended(**changes))
    return Verdict(Answer.EXISTING)


def _judged_debounce(
    rule: Rule, debounce: timedelta, job: Job, holder: Job, *, now: datetime
) -> Verdict:
    """A job whose time has come takes the new input, but is not put off any more."""
    if not _has_not_started(holder):
        return LAPSED
    changes: dict[str, Any] = {"input": job.input}
    if holder.status is Status.WAITING and holder.due_at is not None:
        due_at = max(holder.due_at, min(now + debounce, holder.created_at + rule.longest))
        changes |= {"due_at": due_at, "run_at": due_at}
    return Verdict(Answer.DEBOUNCED, holder.amended(**changes))


def _has_not_started(job: Job) -> bool:
    return job.status in _UNSTARTED and not job.starts


def _of(field: str, job: Job) -> list[tuple[str, Any]]:
    """Return the fields of a job that one of a submission stands for."""
    names = {"run_at": ("run_at", "due_at"), "retry": ("backoff", "max_attempts")}
    return [(name, getattr(job, name)) for name in names.get(field, (field,))]


def _of_the_task(options: Options, entry: TaskEntry) -> Rule | None:
    if entry.cache:
        return Rule(cache=Cache.model_validate(entry.cache))
    unique = Unique.model_validate(entry.unique) if entry.unique else None
    if entry.debounce_s is not None:
        return _debounced(options, unique, entry.debounce_s, entry.debounce_max_s)
    return Rule(unique=unique) if unique else None


def _debouncing(options: Options) -> Rule:
    if options.cache is not None:
        raise _refusal("/debounce_s", "send either cache or debounce_s")
    unique = options.unique
    if unique and (unique.for_ != "incomplete" or unique.replace):
        raise _refusal("/unique", "debounce_s takes only `by`; it replaces the input")
    return _debounced(options, unique, options.debounce_s or 0, options.debounce_max_s)


def _debounced(
    options: Options, unique: Unique | None, seconds: float, longest: float | None
) -> Rule:
    if options.run_at is not None or options.delay_s is not None:
        raise _refusal("/debounce_s", "says by itself when the job runs: send no run_at or delay_s")
    longest = longest or _LONGEST_DEBOUNCE * seconds
    if longest < seconds:
        raise _refusal("/debounce_max_s", "must not be less than debounce_s")
    return Rule(
        unique=unique or Unique(),
        debounce=timedelta(seconds=seconds),
        longest=timedelta(seconds=longest),
    )


def _waiting(at: datetime, debounce: timedelta) -> dict[str, Any]:
    due_at = at + timedelta(milliseconds=round(debounce / timedelta(milliseconds=1)))
    return {"run_at": due_at, "lane": None, **in_time(due_at)}


def _refusal(pointer: str, why: str) -> InvalidInput:
    return InvalidInput([Fault(pointer, why)])
