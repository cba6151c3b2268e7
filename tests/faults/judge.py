"""The judge: compares the ledger with what the store says, and names each broken promise."""

import json
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from tests.faults.ledger import Execution, Fault, Ledger

Document = dict[str, Any]
ENDS = {"succeeded", "failed", "cancelled", "expired", "skipped"}


@dataclass(frozen=True)
class Repeat:
    """An execution after which the same job was executed again, and what explains that."""

    execution: Execution
    next_began: float
    cause: Fault | None


@dataclass
class Verdict:
    """What the judge found."""

    jobs: int = 0
    executions: int = 0
    repeats: list[Repeat] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        causes = Counter(each.cause.what if each.cause else "UNEXPLAINED" for each in self.repeats)
        told = ", ".join(f"{what}: {n}" for what, n in causes.most_common())
        return (
            f"{self.jobs} jobs accepted, {self.executions} executions, {len(self.repeats)} repeated"
            f" ({told or 'none'}), {len(self.violations)} violations"
        )


async def judge(ledger: Ledger, database: AsyncDatabase[Document]) -> Verdict:
    """Return the verdict on a service that has come to rest."""
    stored = {each["_id"]: each async for each in database.jobs.find({})}
    executions = ledger.executions()
    verdict = Verdict(jobs=len(ledger.accepted))
    verdict.executions = sum(map(len, executions.values()))
    verdict.repeats = _repeats(ledger, executions)
    verdict.violations = [
        *ledger.refused,
        *_accepted_and_lost(ledger, stored),
        *_told_otherwise(ledger, stored),
        *_not_at_rest(stored),
        *_ends(await ends_in_oplog(database), stored),
        *_results(executions, stored),
        *_run_after_cancelled(ledger, executions, stored),
        *(f"nothing explains {each}" for each in verdict.repeats if each.cause is None),
    ]
    return verdict


def _accepted_and_lost(ledger: Ledger, stored: dict[str, Document]) -> list[str]:
    found = [
        f"submission {number} was accepted under several ids: {sorted(ids)}"
        for number, ids in ledger.accepted.items()
        if len(ids) > 1
    ]
    for number, ids in ledger.accepted.items():
        for job_id in ids:
            status = stored.get(job_id, {}).get("status", "gone")
            asked = status == "cancelled" and job_id in ledger.cancelled
            if status != "succeeded" and not asked:
                found.append(f"accepted job {job_id} (number {number}) is {status}")
    numbers = Counter(json.loads(each["input"])["number"] for each in stored.values())
    found += [f"submission {number} made {n} jobs" for number, n in numbers.items() if n > 1]
    found += [f"nobody submitted {number}" for number in set(numbers) - ledger.offered]
    return found


def _told_otherwise(ledger: Ledger, stored: dict[str, Document]) -> list[str]:
    """What a client was shown must be what stands there: ends for ever, versions unambiguously."""
    found = []
    for job_id, sights in ledger.seen.items():
        ambiguous = [v for v, n in Counter(s.version for s in sights).items() if n > 1]
        if ambiguous:
            found.append(f"job {job_id} was shown in two states of version {ambiguous}")
        job = stored.get(job_id)
        for sight in sights:
            if sight.done and (job is None or _as_shown(job) != (sight.status, sight.result)):
                found.append(f"job {job_id} was shown as {sight}, and is otherwise now")
    return found


def _as_shown(job: Document) -> tuple[str, str]:
    result = json.loads(job["result"]) if job.get("result") else None
    return job["status"], json.dumps(result, sort_keys=True)


def _not_at_rest(stored: dict[str, Document]) -> list[str]:
    found = []
    for job in stored.values():
        if job["status"] not in ENDS:
            found.append(f"job {job['_id']} is stuck: {job['status']}")
        if job.get("unsettled"):
            found.append(f"job {job['_id']} has ended and is not settled")
    return found


def _ends(ends: Counter[str], stored: dict[str, Document]) -> list[str]:
    return [
        f"job {job_id} has {ends[job_id]} recorded ends"
        for job_id, job in stored.items()
        if job["status"] in ENDS and ends[job_id] != 1
    ]


def _results(executions: dict[str, list[Execution]], stored: dict[str, Document]) -> list[str]:
    """The recorded result must be that of the last execution, which must have come to its end."""
    found = []
    for job_id, job in stored.items():
        if job["status"] != "succeeded":
            continue
        result = json.loads(job["result"])
        runs = executions.get(job_id, [])
        if not runs:
            found.append(f"job {job_id} succeeded and was never executed")
        elif result["double"] != 2 * json.loads(job["input"])["number"]:
            found.append(f"job {job_id} has the result of another")
        elif (result["worker"], result["began"]) != (runs[-1].worker, runs[-1].began):
            found.append(f"job {job_id} has the result of an execution that was given up")
        elif runs[-1].ended is None:
            found.append(f"job {job_id} has a result before its task came to the end")
        if len(runs) > job["starts"]:
            found.append(f"job {job_id} ran {len(runs)} times with {job['starts']} claims")
    return found


def _run_after_cancelled(
    ledger: Ledger, executions: dict[str, list[Execution]], stored: dict[str, Document]
) -> list[str]:
    """Once a client was told that a job is cancelled, no execution of it begins."""
    return [
        f"job {job_id} began again after it was cancelled"
        for job_id, told in ledger.cancelled.items()
        if stored.get(job_id, {}).get("status") == "cancelled"
        and any(run.began > told for run in executions.get(job_id, []))
    ]


def _repeats(ledger: Ledger, executions: dict[str, list[Execution]]) -> list[Repeat]:
    repeats = []
    for runs in executions.values():
        for run, following in pairwise(runs):
            if run.raised and following.attempt > run.attempt:
                continue  # the retry that was asked for
            cause = _cause(ledger, run, following.began)
            repeats.append(Repeat(run, following.began, cause))
    return repeats


def _cause(ledger: Ledger, run: Execution, until: float) -> Fault | None:
    """The fault that cut an execution: preferably one that hit its own process."""
    suspects = [f for f in ledger.faults if f.touches(run.worker, run.began, until)]
    suspects.sort(key=lambda fault: (fault.everyone, -fault.began))
    return suspects[0] if suspects else None


async def ends_in_oplog(database: AsyncDatabase[Document]) -> Counter[str]:
    """Count the ends that were recorded for each job, from the database's own log of writes."""
    ends: Counter[str] = Counter()
    writes = database.client.local["oplog.rs"].find({"ns": f"{database.name}.jobs", "op": "u"})
    async for entry in writes:
        change = entry["o"]
        diff = change.get("diff", {})
        for part in (diff.get("u", {}), diff.get("i", {}), change.get("$set", {})):
            if part.get("status") in ENDS:
                ends[entry["o2"]["_id"]] += 1
    return ends
