"""The options of `@task`, checked where they are written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic_core import from_json

from warren.outcome import to_json
from warren.submission import sendable

_OPTIONS = {
    "always_retry", "cache_failures", "cache_key", "cache_stale_s", "cache_ttl_s",
    "debounce_max_s", "debounce_s", "examples", "expires_in_s", "key", "key_limit",
    "key_max_waiting", "limits", "name", "never_retry", "priority", "process", "queue",
    "retention_s", "retry", "schedule", "soft_timeout_s", "timeout_s", "title", "unique",
    "when_busy",
}  # fmt: skip
_LATER = {
    "cache", "metadata", "tags",
}  # fmt: skip
_RETRY: dict[str, Any] = {
    "max_attempts": 3,
    "backoff_s": 1,
    "factor": 2,
    "max_backoff_s": 3600,
    "jitter": True,
}
_MOST_ATTEMPTS = 100
_MOST_COST = 1_000_000
YEAR_S = 366 * 86_400
_CENTURY_S = 100 * YEAR_S


def refuse_unknown_options(options: Mapping[str, object]) -> None:
    """Raise TypeError for options that do not exist, and for those that do not work yet."""
    for option in options.keys() - _OPTIONS:
        if option in _LATER:
            raise TypeError(f"@task({option}=...) is not available yet in this version of Warren")
        raise TypeError(f"@task has no option {option!r}; it has {', '.join(sorted(_OPTIONS))}")


def check_timeout(task: str, timeout_s: float | None, execution: str) -> float | None:
    """The timeout, if the execution can enforce it; else ValueError."""
    check_seconds(task, "timeout_s", timeout_s)
    if timeout_s is not None and execution == "thread":
        raise ValueError(
            f"task {task!r} runs in a thread, which cannot be stopped, so timeout_s cannot be kept:"
            " use process=True or async def, or soft_timeout_s, which tells the task"
        )
    return timeout_s


def check_soft_timeout(
    task: str, soft_timeout_s: float | None, timeout_s: float | None
) -> float | None:
    """The soft timeout, if it comes before the hard one; else ValueError."""
    check_seconds(task, "soft_timeout_s", soft_timeout_s)
    if soft_timeout_s is not None and timeout_s is not None and soft_timeout_s >= timeout_s:
        raise ValueError(
            f"task {task!r}: soft_timeout_s={soft_timeout_s!r} must be less than"
            f" timeout_s={timeout_s!r}, or it never strikes"
        )
    return soft_timeout_s


def check_seconds(task: str, option: str, seconds: float | None) -> float | None:
    """The seconds, if they are a time above 0 and within a century; else ValueError."""
    if seconds is not None and not (within(0, seconds, _CENTURY_S) and seconds > 0):
        raise ValueError(
            f"task {task!r}: {option}={seconds!r} must be a number above 0, and below a century"
        )
    return seconds


def check_priority(task: str, priority: int) -> int:
    """The priority, if it is one; else ValueError."""
    if type(priority) is not int or not 0 <= priority <= 9:
        raise ValueError(f"task {task!r}: priority={priority!r} must be 0 to 9 (9 is first)")
    return priority


def whole_rule(
    task: str, option: str, given: object, defaults: Mapping[str, Any], example: str
) -> dict[str, Any] | None:
    """The rule with its defaults filled in; TypeError for what is no mapping, or has more."""
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise TypeError(f"task {task!r}: {option}={given!r}; write {option}={example}")
    if unknown := given.keys() - defaults.keys():
        raise TypeError(
            f"task {task!r}: {option} has no field {min(unknown)!r}; it has {', '.join(defaults)}"
        )
    return {**defaults, **given}


def retry_policy(task: str, given: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The whole policy as the API has it, defaults filled in; ValueError for a wrong one."""
    policy = whole_rule(task, "retry", given, _RETRY, "{'max_attempts': 5}")
    if policy is None:
        return None
    for field, said in _broken_rules(policy):
        raise ValueError(f"task {task!r}: retry has {field}={policy[field]!r}; it must be {said}")
    return policy


def cache_of(
    task: str,
    ttl_s: float | None,
    *,
    key: object,
    stale_s: float | None,
    failures: bool,
) -> dict[str, Any] | None:
    """The cache as the API has it, None without; ValueError for what makes no sense."""
    check_seconds(task, "cache_ttl_s", ttl_s)
    check_seconds(task, "cache_stale_s", stale_s)
    if ttl_s is None:
        if key is not None or stale_s is not None or failures:
            raise ValueError(f"task {task!r}: what is said of a cache needs cache_ttl_s as well")
        return None
    if key is not None and not (isinstance(key, str) and 0 < len(key) <= 500):
        raise ValueError(f"task {task!r}: cache_key={key!r} must be a text of 1 to 500 characters")
    return {"ttl_s": ttl_s, "key": key, "stale_s": stale_s or 0, "failures": failures}


def limits_of(task: str, given: Iterable[Any]) -> list[dict[str, Any]]:
    """The limits as the API has them; a bare name costs 1. ValueError for what is none."""
    if isinstance(given, str | Mapping) or not isinstance(given, Iterable):
        raise TypeError(f"task {task!r}: limits={given!r}; write limits=[('github', 1)]")
    return [_limit_of(task, each) for each in given]


def _limit_of(task: str, given: Any) -> dict[str, Any]:
    if isinstance(given, Mapping):
        given = (given.get("name"), given.get("cost", 1))
    name, cost = (given, 1) if isinstance(given, str) else given
    if not isinstance(name, str) or not name or "/" in name:
        raise ValueError(f"task {task!r}: limits has {name!r}; a name is a text without '/'")
    if not within(0, cost, _MOST_COST) or cost <= 0:
        raise ValueError(f"task {task!r}: limit {name!r} costs {cost!r}; it must be above 0")
    return {"name": name, "cost": cost}


def schedule_of(task: str, given: str | Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The schedule as the API has it; a bare text is its `cron`."""
    if given is None:
        return None
    if isinstance(given, str):
        return {"cron": given}
    if not isinstance(given, Mapping):
        raise TypeError(f"task {task!r}: schedule={given!r}; write a cron text or a dictionary")
    if ("cron" in given) == ("every_s" in given):
        raise ValueError(f"task {task!r}: a schedule has either cron or every_s")
    told: dict[str, Any] = from_json(to_json(sendable(given)))
    return told


def _broken_rules(policy: Mapping[str, Any]) -> list[tuple[str, str]]:
    attempts, longest = policy["max_attempts"], policy["max_backoff_s"]
    rules = {
        "max_attempts": (
            type(attempts) is int and 1 <= attempts <= _MOST_ATTEMPTS,
            f"a whole number from 1 to {_MOST_ATTEMPTS}",
        ),
        "backoff_s": (
            within(0, policy["backoff_s"], YEAR_S),
            "a number of seconds from 0 to those of a year",
        ),
        "factor": (within(1, policy["factor"], 1000), "a number from 1 to 1000"),
        "max_backoff_s": (
            within(0, longest, YEAR_S) and longest > 0,
            "a number of seconds above 0, and at most a year",
        ),
        "jitter": (isinstance(policy["jitter"], bool), "True or False"),
    }
    return [(field, said) for field, (kept, said) in rules.items() if not kept]


def within(least: float, value: object, most: float) -> bool:
    """Whether a value is a number between these two."""
    # A bool is a number to Python, and NaN fails any comparison.
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most
