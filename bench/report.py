"""Shows a result: tables for people, JSON for everything else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import orjson

from bench.cpu import PARTS
from bench.goals import Goal
from bench.result import Result

DISTURBED = 0.05


def write(result: Result, folder: Path) -> Path:
    """Write `latest.json`, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "latest.json"
    draft = path.with_suffix(".tmp")
    draft.write_bytes(orjson.dumps(result.as_dict(), option=orjson.OPT_INDENT_2))
    draft.replace(path)
    return path


def text(result: Result) -> str:
    sections = [_throughput(result), _cpu(result), _latency(result), _goals(result.goals())]
    sections += [_conditions(result), _disturbed(result)]
    return "\n\n".join(section for section in sections if section)


def _throughput(result: Result) -> str:
    rows = []
    for system in result.systems:
        if not (rounds := result.rounds_of(system.name)):
            continue
        rates = [r.jobs_per_s for r in rounds]
        accepted = sorted(r.accepted_per_s for r in rounds)[len(rounds) // 2]
        rate = result.rate(system.name) or 0.0
        spread = f"{min(rates):,.0f} - {max(rates):,.0f}"
        jobs = f"{sum(r.jobs for r in rounds):,}"
        rows.append(
            [system.name, f"{rate:,.0f}", spread, f"{accepted:,.0f}", str(len(rates)), jobs]
        )
    head = ["system", "jobs/s (median)", "range", "accepted/s", "rounds", "jobs, all checked"]
    title = "Jobs a second, submitted one by one over HTTP by 64 clients, to the last stored result"
    return f"{title}\n{table(head, rows)}"


def _cpu(result: Result) -> str:
    rows = []
    for system in result.systems:
        if result.rounds_of(system.name):
            used = result.cpu_us(system.name)
            cells = [f"{used[part]:,.0f}" for part in PARTS]
            rows.append([system.name, *cells, f"{sum(used.values()):,.0f}"])
    title = "Where the CPU goes: microseconds of CPU a job (median of the rounds)"
    return f"{title}\n{table(['system', *PARTS, 'sum'], rows)}"


def _latency(result: Result) -> str:
    rows = [
        [found.system, found.how, f"{found.rate_per_s:,.0f}", f"{found.jobs:,}"]
        + [f"{ms:.1f}" for ms in (found.p50_ms, found.p90_ms, found.p99_ms, found.max_ms)]
        for found in result.latencies
    ]
    head = ["system", "told by", "jobs/s", "jobs", "p50 ms", "p90 ms", "p99 ms", "max ms"]
    title = "From submission to the result in the client's hands, at a tenth of its own full load"
    return f"{title}\n{table(head, rows)}" if rows else ""


def _goals(goals: Sequence[Goal]) -> str:
    rows = []
    for goal in goals:
        measured = "-" if goal.measured is None else f"{goal.measured:.2f}"
        verdict = {None: "not judged", True: "met", False: "MISSED"}[goal.met]
        rows.append([goal.what, goal.wanted, measured, verdict])
    return f"Goals\n{table(['goal', 'wanted', 'measured', ''], rows)}"


def _conditions(result: Result) -> str:
    lines = ["Configuration"]
    for system in result.systems:
        settings = "; ".join(f"{part}: {words}" for part, words in system.configuration.items())
        lines.append(f"  {system.name}: {settings}")
    for name in ("command", "at", "machine", "versions"):
        lines.append(f"  {name}: {_inline(result.conditions[name])}")
    return "\n".join(lines)


def _disturbed(result: Result) -> str:
    """A round that shared the machine with somebody else is named, never hidden."""
    lines = [
        f"  {r.system}: {r.elsewhere_share:.0%} of the machine was used by something else"
        for r in result.rounds
        if r.elsewhere_share > DISTURBED
    ]
    speeds = [r.machine_speed for r in result.rounds]
    if speeds and max(speeds) > 1.3 * min(speeds):
        lines.append(
            f"  the machine's own speed moved between {min(speeds):.0f} and {max(speeds):.0f} "
            "million loop turns a second"
        )
    return "\n".join(["Disturbed: compare with care", *lines]) if lines else ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table whose columns are also aligned for the terminal."""
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]

    def row(cells: Sequence[str]) -> str:
        first, *others = zip(cells, widths, strict=True)
        padded = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
        return f"| {' | '.join(padded)} |"

    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([row(lines[0]), row(rule), *map(row, lines[1:])])


def _inline(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {each}" for key, each in value.items())
    return str(value)
