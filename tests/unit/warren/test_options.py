"""The options of `@task`: what they become, and what is refused where it is written."""

from datetime import timedelta
from typing import Any

import pytest

from warren import GiveUp, InvalidInput, RateLimited, Retry, Task, task


class Busy(ConnectionError): ...


def a_task(**options: Any) -> Task[..., Any]:
    async def work() -> None: ...

    decorate: Any = task(name="t.f", **options)
    declared: Task[..., Any] = decorate(work)
    return declared


def test_a_task_without_options_has_one_attempt_and_no_times() -> None:
    plain = a_task()
    assert (plain.retry, plain.schedule, plain.priority) == (None, None, 5)
    times = (plain.timeout_s, plain.soft_timeout_s, plain.expires_in_s, plain.retention_s)
    assert times == (None, None, None, None)


def test_a_timeout_on_a_thread_is_refused_with_the_way_out() -> None:
    with pytest.raises(ValueError, match=r"'t\.f' runs in a thread.*process=True or async def"):
        task(name="t.f", timeout_s=1)(lambda: None)
    assert task(name="t.f", soft_timeout_s=1)(lambda: None).soft_timeout_s == 1


@pytest.mark.parametrize("option", ["timeout_s", "soft_timeout_s", "expires_in_s", "retention_s"])
@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), 1e10, "5", True])
def test_a_time_that_is_none_is_refused(option: str, seconds: Any) -> None:
    with pytest.raises(ValueError, match=rf"'t\.f': {option}=.* must be a number above 0"):
        a_task(**{option: seconds})


@pytest.mark.parametrize("soft", [10, 11])
def test_a_soft_timeout_that_never_strikes_is_refused(soft: float) -> None:
    with pytest.raises(ValueError, match="must be less than timeout_s=10, or it never strikes"):
        a_task(soft_timeout_s=soft, timeout_s=10)
    assert a_task(soft_timeout_s=9, timeout_s=10).soft_timeout_s == 9


@pytest.mark.parametrize("priority", [-1, 10, 2.5, "high", True])
def test_a_priority_is_one_digit(priority: Any) -> None:
    with pytest.raises(ValueError, match=r"must be 0 to 9 \(9 is first\)"):
        a_task(priority=priority)
    assert a_task(priority=9).priority == 9


def test_a_retry_policy_has_its_defaults_filled_in() -> None:
    usual = {"backoff_s": 1, "factor": 2, "max_backoff_s": 3600, "jitter": True}
    assert a_task(retry={"max_attempts": 5}).retry == {"max_attempts": 5, **usual}
    assert a_task(retry={}).retry == {"max_attempts": 3, **usual}
    odd = {"max_attempts": 100, "backoff_s": 0, "factor": 1, "max_backoff_s": 0.1, "jitter": False}
    assert a_task(retry=odd).retry == odd


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_attempts", 0),
        ("max_attempts", 101),
        ("max_attempts", 2.5),
        ("max_attempts", True),
        ("max_attempts", "many"),
        ("backoff_s", -1),
        ("backoff_s", float("nan")),
        ("backoff_s", None),
        ("factor", 0.5),
        ("factor", float("inf")),
        ("max_backoff_s", 367 * 86_400),
        ("max_backoff_s", 0),
        ("max_backoff_s", "1h"),
        ("jitter", 1),
    ],
)
def test_a_retry_policy_that_breaks_a_rule_is_refused(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"'t\.f': retry has {field}=.*; it must be "):
        a_task(retry={field: value})


@pytest.mark.parametrize("policy", [3, True, "often", ["max_attempts"]])
def test_a_retry_policy_is_a_dictionary_of_known_fields(policy: Any) -> None:
    with pytest.raises(TypeError, match="write retry="):
        a_task(retry=policy)
    with pytest.raises(TypeError, match="no field 'attempts'; it has max_attempts, backoff_s"):
        a_task(retry={"attempts": 3})


def test_every_error_may_pass_unless_the_task_says_otherwise() -> None:
    plain = a_task()
    for error in (ValueError(), SystemExit(1), Retry(), RateLimited()):
        assert plain.retryable(error)
    assert not plain.retryable(GiveUp())
    assert not plain.retryable(InvalidInput([]))


def test_the_nearest_class_in_a_list_decides() -> None:
    careful = a_task(never_retry=[OSError, LookupError], always_retry=[ConnectionError])
    assert not careful.retryable(FileNotFoundError())
    assert not careful.retryable(KeyError())
    assert careful.retryable(Busy()), "ConnectionError is nearer than OSError"
    assert careful.retryable(ValueError())
    choosy = a_task(never_retry=[Exception], always_retry=[Busy])
    assert choosy.retryable(Busy())
    assert not choosy.retryable(ConnectionError())


def test_a_signal_of_the_task_comes_before_its_lists() -> None:
    never, always = a_task(never_retry=[Exception]), a_task(always_retry=[BaseException])
    assert never.retryable(Retry())
    assert never.retryable(RateLimited())
    assert not always.retryable(GiveUp())
    assert not always.retryable(InvalidInput([]))


@pytest.mark.parametrize("wrong", [[int], [ValueError()], ["ValueError"], ValueError, "ValueError"])
def test_the_lists_hold_exception_classes(wrong: Any) -> None:
    for option in ("never_retry", "always_retry"):
        with pytest.raises(TypeError, match=rf"'t\.f': {option} "):
            a_task(**{option: wrong})


@pytest.mark.parametrize("signal_", [Retry, GiveUp, RateLimited, InvalidInput])
def test_the_lists_cannot_hold_what_decides_for_itself(signal_: Any) -> None:
    with pytest.raises(ValueError, match="which decides for itself"):
        a_task(never_retry=[signal_])


def test_a_class_cannot_be_in_both_lists() -> None:
    with pytest.raises(ValueError, match="has KeyError in never_retry and in always_retry"):
        a_task(never_retry=[KeyError], always_retry=[KeyError])


def test_a_schedule_is_a_cron_text_or_has_fields() -> None:
    assert a_task(schedule="*/5 * * * *").schedule == {"cron": "*/5 * * * *"}
    every = a_task(schedule={"every_s": timedelta(minutes=5), "input": {"x": 1}})
    assert every.schedule == {"every_s": 300, "input": {"x": 1}}


@pytest.mark.parametrize("schedule", [{}, {"timezone": "UTC"}, {"cron": "@daily", "every_s": 1}])
def test_a_schedule_has_one_rule(schedule: Any) -> None:
    with pytest.raises(ValueError, match="has either cron or every_s"):
        a_task(schedule=schedule)


def test_a_schedule_that_is_neither_is_refused() -> None:
    with pytest.raises(TypeError, match="write a cron text or a dictionary"):
        a_task(schedule=300)


@pytest.mark.parametrize("option", ["tags", "metadata"])
def test_an_option_of_a_later_version_says_so(option: str) -> None:
    with pytest.raises(TypeError, match=rf"@task\({option}=\.\.\.\) is not available yet"):
        a_task(**{option: 1})


def test_an_unknown_option_is_refused_and_the_known_are_named() -> None:
    with pytest.raises(TypeError, match=r"no option 'queeu'; it has .*queue.*soft_timeout_s"):
        a_task(queeu="mail")


def test_a_unique_task_is_told_as_the_service_takes_it() -> None:
    assert a_task(unique={}).unique == {
        "for": "incomplete",
        "by": ["task", "input"],
        "replace": [],
    }
    told = a_task(unique={"by": ("key", "input.a.b")}, debounce_s=5, debounce_max_s=9)
    assert told.unique is not None
    assert (told.unique["by"], told.debounce_s, told.debounce_max_s) == (["key", "input.a.b"], 5, 9)


@pytest.mark.parametrize(
    "options",
    [
        {"unique": {"for": "ever"}},
        {"unique": {"for": True}},
        {"unique": {"for": 0}},
        {"unique": {"by": []}},
        {"unique": {"by": ["status"]}},
        {"unique": {"by": ["input.a..b"]}},
        {"unique": {"replace": ["queue"]}},
        {"unique": {"for": 5}, "debounce_s": 1},
        {"unique": {"replace": ["input"]}, "debounce_s": 1},
        {"unique": {}, "cache_ttl_s": 1},
        {"debounce_s": 1, "cache_ttl_s": 1},
        {"debounce_s": 0},
        {"debounce_max_s": 5},
        {"debounce_s": 5, "debounce_max_s": 1},
    ],
)
def test_what_makes_no_sense_of_equal_calls_is_refused(options: Any) -> None:
    with pytest.raises(ValueError, match=r"'t\.f'"):
        a_task(**options)


@pytest.mark.parametrize("unique", [True, {"of": 1}, {"by": "task"}, {"replace": [1]}])
def test_a_unique_of_another_form_is_refused_with_the_form(unique: Any) -> None:
    with pytest.raises(TypeError, match=r"'t\.f'.*unique"):
        a_task(unique=unique)


def test_a_cache_is_told_as_the_service_takes_it() -> None:
    assert a_task().cache is None
    told = a_task(cache_ttl_s=60, cache_key="{x}", cache_stale_s=5, cache_failures=True).cache
    assert told == {"ttl_s": 60, "key": "{x}", "stale_s": 5, "failures": True}


@pytest.mark.parametrize(
    "options",
    [
        {"cache_ttl_s": 0},
        {"cache_ttl_s": 1, "cache_key": ""},
        {"cache_ttl_s": 1, "cache_key": 5},
        {"cache_key": "{x}"},
        {"cache_failures": True},
    ],
)
def test_a_cache_that_makes_no_sense_is_refused(options: Any) -> None:
    with pytest.raises(ValueError, match=r"'t\.f'"):
        a_task(**options)
