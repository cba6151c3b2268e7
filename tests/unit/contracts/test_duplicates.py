"""Judging what an earlier job with the same slot means for a submission."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.contracts.catalogue import TaskEntry
from shared.contracts.duplicates import Answer, judged, judged_renewal, rule_of, with_slot
from shared.contracts.errors import InvalidInput
from shared.contracts.job import Job
from shared.contracts.moves import ENDS, Status
from shared.contracts.submission import Options, read_submission, to_job
from tests.builders import LATER, NOON, a_job, a_job_in, a_running_job

ENTRY = TaskEntry(name="math.add", queue="math", execution="loop")
SECOND = timedelta(seconds=1)


def made(entry: TaskEntry = ENTRY, given: Any = None, **fields: Any) -> tuple[Any, Job]:
    """Return the rule and the job of a submission."""
    options: Options = read_submission({"task": "math.add", **fields})
    rule = rule_of(options, entry)
    assert rule is not None
    job = to_job(options, entry, input_text="{}", job_id=None, now=NOON)
    return rule, with_slot(job, rule, options, given or {})


def answer(fields: dict[str, Any], holder: Job, *, seconds: float = 0) -> Answer | None:
    """Say how a submission is answered, so long after the holder's end."""
    rule, job = made(**fields)
    return judged(rule, job, holder, now=LATER + seconds * SECOND).answer


def test_most_submissions_have_no_rule() -> None:
    assert rule_of(Options(), ENTRY) is None


def test_a_task_may_bring_its_rule_and_a_submission_may_decline_it() -> None:
    entry = replace(ENTRY, cache={"ttl_s": 5, "key": "{x}", "stale_s": 0, "failures": False})
    rule, job = made(entry, {"x": 1})
    assert rule.cache.ttl_s == 5
    assert job.slot == made(cache={"ttl_s": 1, "key": "1"})[1].slot
    assert rule_of(Options(cache=None), entry) is None
    assert rule_of(Options(unique=None), entry) is None


def test_a_task_may_be_unique_or_debounced_by_itself() -> None:
    by_name = replace(ENTRY, unique={"for": "successful", "by": ["task"], "replace": []})
    rule, job = made(by_name, {"x": 1})
    assert rule.unique.for_ == "successful"
    assert job.slot == made(unique={"for": 60, "by": ["task"]}, given={"x": 2})[1].slot
    assert made(by_name, cache={"ttl_s": 1})[0].unique is None
    often = replace(by_name, unique=None, debounce_s=5.0)
    rule, job = made(often)
    assert (rule.debounce, rule.longest) == (5 * SECOND, 50 * SECOND)
    assert job.due_at == NOON + 5 * SECOND
    assert rule_of(Options(debounce_s=None), often) is None
    with pytest.raises(InvalidInput, match="run_at"):
        made(often, delay_s=1)


@pytest.mark.parametrize("status", [Status.WAITING, Status.QUEUED, Status.RUNNING])
def test_a_cached_call_joins_what_is_under_way(status: Status) -> None:
    assert answer({"cache": {"ttl_s": 0}}, a_job_in(status)) is Answer.JOINED


def test_nobody_joins_a_run_that_is_to_be_cancelled() -> None:
    assert answer({"cache": {"ttl_s": 9}}, a_running_job(cancel_asked_at=NOON)) is None


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, Answer.HIT), (4.9, Answer.HIT), (5, Answer.STALE), (14.9, Answer.STALE), (15, None)],
)
def test_a_result_is_the_answer_then_a_stale_one_then_none(
    seconds: float, expected: Answer | None
) -> None:
    cache = {"cache": {"ttl_s": 5, "stale_s": 10}}
    assert answer(cache, a_job_in(Status.SUCCEEDED), seconds=seconds) is expected


@pytest.mark.parametrize("status", sorted(ENDS - {Status.SUCCEEDED}))
def test_only_success_is_cached_and_failure_if_that_was_asked_for(status: Status) -> None:
    holder = a_job_in(status)
    assert answer({"cache": {"ttl_s": 60}}, holder) is None
    asked = answer({"cache": {"ttl_s": 60, "failures": True}}, holder)
    assert asked is (Answer.HIT if status is Status.FAILED else None)


def test_a_result_that_is_being_renewed_may_be_the_answer_meanwhile() -> None:
    rule, _ = made(cache={"ttl_s": 1, "stale_s": 10})
    old = a_job_in(Status.SUCCEEDED)
    assert judged_renewal(rule, old, now=LATER + 5 * SECOND).answer is Answer.STALE
    assert judged_renewal(rule, old, now=LATER + 12 * SECOND).answer is None
    assert judged_renewal(rule, a_running_job(), now=LATER).answer is None


@pytest.mark.parametrize("status", sorted(Status))
def test_a_unique_job_counts_until_it_ends_or_also_once_it_has_succeeded(status: Status) -> None:
    holder = a_job_in(status)
    incomplete = answer({"unique": {}}, holder)
    successful = answer({"unique": {"for": "successful"}}, holder)
    assert incomplete is (None if holder.done else Answer.EXISTING)
    counts = not holder.done or status is Status.SUCCEEDED
    assert successful is (Answer.EXISTING if counts else None)


def test_a_unique_job_may_count_for_a_time_from_its_submission_whatever_became_of_it() -> None:
    ten = {"unique": {"for": 10}}
    for holder in (a_job_in(Status.CANCELLED), a_running_job()):
        assert answer(ten, holder, seconds=4) is Answer.EXISTING  # noon + 5 + 4
        assert answer(ten, holder, seconds=5) is None


def test_fields_are_replaced_until_the_first_attempt() -> None:
    fields: dict[str, Any] = {
        "unique": {"replace": ["priority", "tags", "retry", "run_at"]},
        "priority": 9,
        "tags": ["new"],
        "retry": {"max_attempts": 7},
    }
    rule, job = made(**fields)
    for status in (Status.WAITING, Status.QUEUED):
        holder = a_job_in(status, priority=1)
        verdict = judged(rule, job, holder, now=LATER)
        assert verdict.answer is Answer.REPLACED
        assert verdict.after is not None
        after = verdict.after
        assert (after.priority, after.tags, after.max_attempts) == (9, ("new",), 7)
        assert (after.status, after.version) == (status, holder.version + 1)
        assert after.due_at == (LATER if status is Status.WAITING else None)
    started = a_job_in(Status.WAITING, because="retry", starts=1)
    assert judged(rule, job, started, now=LATER).answer is Answer.EXISTING
    assert judged(rule, job, a_running_job(), now=LATER).answer is Answer.EXISTING


def test_debouncing_puts_off_and_takes_the_newest_input_up_to_a_bound() -> None:
    fields: dict[str, Any] = {
        "debounce_s": 10,
        "debounce_max_s": 25,
        "unique": {"by": ["task"]},
    }
    rule, first = made(**fields)
    assert (first.status, first.due_at) == (Status.WAITING, NOON + 10 * SECOND)
    newer = replace(made(**fields)[1], input='{"x":2}')
    second = judged(rule, newer, first, now=NOON + 8 * SECOND).after
    assert second is not None
    assert (second.due_at, second.input) == (NOON + 18 * SECOND, '{"x":2}')
    last = judged(rule, newer, second, now=NOON + 17 * SECOND).after
    assert last is not None
    assert last.due_at == NOON + 25 * SECOND


def test_a_debounced_job_whose_time_has_come_takes_the_input_and_one_that_runs_does_not() -> None:
    rule, job = made(debounce_s=10)
    job = replace(job, input='{"x":2}')
    queued = judged(rule, job, a_job(), now=LATER)
    assert queued.after is not None
    assert (queued.after.input, queued.after.status) == ('{"x":2}', Status.QUEUED)
    assert judged(rule, job, a_running_job(), now=LATER).answer is None
    assert judged(rule, job, a_job_in(Status.SUCCEEDED), now=LATER).answer is None


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"cache": {"ttl_s": 1}, "unique": {}}, "/unique"),
        ({"cache": {"ttl_s": 1}, "debounce_s": 1}, "/debounce_s"),
        ({"debounce_s": 1, "delay_s": 1}, "/debounce_s"),
        ({"debounce_s": 5, "debounce_max_s": 1}, "/debounce_max_s"),
        ({"debounce_s": 5, "unique": {"for": "successful"}}, "/unique"),
        ({"debounce_max_s": 5}, "/debounce_max_s"),
    ],
)
def test_contradictions_are_refused(fields: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        made(**fields)
    assert refused.value.faults[0].pointer == pointer


@pytest.mark.parametrize(
    ("unique", "pointer"),
    [
        ({"for": "ever"}, "/unique/for"),
        ({"for": 0}, "/unique/for"),
        ({"for": True}, "/unique/for"),
        ({"by": ["output"]}, "/unique/by/0"),
        ({"by": []}, "/unique/by"),
        ({"replace": ["task"]}, "/unique/replace/0"),
    ],
)
def test_what_unique_does_not_take_is_named(unique: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_submission({"task": "t", "unique": unique})
    assert [fault.pointer for fault in refused.value.faults] == [pointer]
