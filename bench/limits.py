"""How a learned limit finds a rate that nobody told it, beside a fixed rate and plain backoff.

The third party permits a rate that changes twice. Time is simulated, so this takes seconds and
comes out the same each time; the decisions are those of the contracts, which the workers and
the store make too. `python -m bench.limits` prints a table and a chart.
"""

import heapq
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count
from math import inf

from shared.contracts.limits.bucket import Ask, Bucket, earliest, repaced, take
from shared.contracts.limits.definition import Definition, read_definition
from shared.contracts.limits.report import Heard, Report, joined
from shared.contracts.limits.standing import Standing, heard, held_now, pace_now

TRUE_RATES = ((0.0, 50.0), (60.0, 20.0), (120.0, 80.0))
"""Since when (seconds) the third party permits how many calls a second."""

LASTS = 180.0  # seconds
SETTLING = 30.0  # seconds after a change in which a rate may be found
_LATENCY = 0.05  # seconds until an answer, at least
_JITTER = 0.03  # seconds that a call takes longer on its way, at most
_AHEAD = 0.4  # seconds before its turn a job is called
_REPORT_EVERY = 0.2  # seconds between two reports of a worker
_BACKLOG = 60  # callers of the naive kind, each waiting by itself


@dataclass
class ThirdParty:
    """Somebody else's API: a bucket of a tenth of a second, and 429 beyond it."""

    retry_after: float | None = None
    level: float = 0.0
    at: float = 0.0

    def answer(self, at: float) -> Heard:
        """Take a call."""
        rate = true_rate(at)
        burst = max(2.0, rate / 10)
        self.level = max(0.0, self.level - (at - self.at) * rate)
        self.at = at
        if self.level + 1 > burst:
            return Heard.THROTTLED
        self.level += 1
        return Heard.CLEAN


@dataclass
class Run:
    """What a strategy did: the answers by time."""

    name: str
    answers: list[tuple[float, Heard]] = field(default_factory=list)

    def settled(self) -> list[tuple[float, float, float]]:
        """Return for each true rate, once settled: the rate, its share used, and of 429s."""
        edges = [since for since, _ in TRUE_RATES] + [LASTS]
        rows = []
        for (since, rate), until in zip(TRUE_RATES, edges[1:], strict=True):
            heard_then = [h for at, h in self.answers if since + SETTLING <= at < until]
            clean = heard_then.count(Heard.CLEAN)
            throttled = len(heard_then) - clean
            used = clean / (rate * (until - since - SETTLING))
            rows.append((rate, used, throttled / max(1, len(heard_then))))
        return rows


def true_rate(at: float) -> float:
    """Return what the third party permits at an instant."""
    return [rate for since, rate in TRUE_RATES if since <= at][-1]


def learned(*, retry_after: float | None = None, base: float = 10.0) -> Run:
    """Run against a learned limit."""
    definition = read_definition({"learned": {"base": base, "floor": 1, "ceiling": 500}})
    return _limited(f"learned, base {base:g}", definition, retry_after)


def fixed(rate: float) -> Run:
    """Run at a rate that somebody wrote down."""
    definition = read_definition({"rate": rate, "burst": 2, "breaker": False})
    return _limited(f"fixed at {rate:g}", definition, None)


def _limited(name: str, definition: Definition, retry_after: float | None) -> Run:
    """Run as workers do: turns are taken ahead, calls travel a while, reports are collected."""
    run, party, draw = Run(name), ThirdParty(retry_after), random.Random(11)
    standing, bucket = Standing(), Bucket(pace=pace_now(definition, Standing()))
    travelling: list[tuple[float, float]] = []  # arrives at, turn
    answered: list[tuple[float, float, Heard]] = []  # at, turn
    report, told_at, now = Report(), 0.0, 0.0
    while now < LASTS:
        arrives = travelling[0][0] if travelling else inf
        hears = answered[0][0] if answered else inf
        asks = max(now, earliest(bucket, Ask(), now * 1000) / 1000 - _AHEAD)
        now = min(arrives, hears, asks, max(now, told_at + _REPORT_EVERY))
        if arrives <= now:
            _, began = heapq.heappop(travelling)
            how = party.answer(now)
            run.answers.append((now, how))
            heapq.heappush(answered, (now + _LATENCY / 2, began, how))
        elif hears <= now:
            _, began, how = heapq.heappop(answered)
            pause = (retry_after or 0.0) * 1000 if how is Heard.THROTTLED else 0.0
            report = joined(report, how, began=began * 1000, pause_ms=pause)
        elif report.throttled or now >= told_at + _REPORT_EVERY:
            if report.calls:
                standing = heard(definition, standing, report, now * 1000)
                bucket = repaced(bucket, pace_now(definition, standing), now=now * 1000)
                bucket = replace(bucket, held_until=held_now(definition, standing))
            report, told_at = Report(), now
        else:
            ask = Ask(called=True, ahead=_AHEAD * 1000 + 1)
            bucket, (turn,) = take(bucket, [ask], now * 1000)
            if turn.granted:
                way = _LATENCY / 2 + draw.random() * _JITTER
                heapq.heappush(travelling, (max(now, turn.at / 1000) + way, turn.at / 1000))
    return run


def backoff(*, first: float = 0.5, most: float = 60.0) -> Run:
    """Run callers that know of no limit: each tries again after exponential backoff with jitter."""
    run, party, draw, order = Run("exponential backoff"), ThirdParty(), random.Random(7), count()
    calls = [(n * 0.01, next(order), 0) for n in range(_BACKLOG)]
    heapq.heapify(calls)
    while calls and calls[0][0] < LASTS:
        at, _, failures = heapq.heappop(calls)
        how = party.answer(at)
        run.answers.append((at, how))
        failures = failures + 1 if how is Heard.THROTTLED else 0
        pause = draw.random() * min(most, first * 2**failures) if failures else 0.0
        heapq.heappush(calls, (at + _LATENCY + pause, next(order), failures))
    return run


def table(runs: list[Run]) -> str:
    """Return what each strategy achieved, once settled after each change."""
    head = "| strategy | " + " | ".join(f"of {rate:g}/s used, 429s" for _, rate in TRUE_RATES)
    lines = [head + " |", "|---" * (1 + len(TRUE_RATES)) + "|"]
    for run in runs:
        cells = [f"{used:.0%}, {throttled:.1%}" for _, used, throttled in run.settled()]
        lines.append(f"| {run.name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def chart(run: Run, *, every: float = 3.0, wide: int = 60) -> str:
    """Return clean calls a second over time as text; `|` marks what is permitted."""
    most = max(rate for _, rate in TRUE_RATES) * 1.1
    lines = [f"{run.name}: clean calls a second (#), 429s (x), permitted (|)"]
    for step in range(int(LASTS / every)):
        since = step * every
        then = [how for at, how in run.answers if since <= at < since + every]
        clean = round(then.count(Heard.CLEAN) / every / most * wide)
        bad = round(then.count(Heard.THROTTLED) / every / most * wide)
        row = list(("#" * clean + "x" * bad).ljust(wide))
        row[min(wide - 1, round(true_rate(since) / most * wide))] = "|"
        lines.append(f"{since:4.0f} s {''.join(row)}")
    return "\n".join(lines)


STRATEGIES: tuple[Callable[[], Run], ...] = (
    learned,
    lambda: learned(retry_after=1.0),
    lambda: fixed(20),
    lambda: fixed(50),
    backoff,
)


def main() -> int:
    """Print the comparison."""
    runs = [strategy() for strategy in STRATEGIES]
    runs[1].name += ", with Retry-After: 1"
    sys.stdout.write(table(runs) + "\n\n")
    for run in (runs[0], runs[-1]):
        sys.stdout.write(chart(run) + "\n\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
