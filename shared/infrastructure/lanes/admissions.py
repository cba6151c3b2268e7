"""Letting jobs into lanes: those that are over leave, the next in line come in and may run.

Anybody may do so for any lane at any time. A pass reads the lanes and who is first in line,
decides, writes the lanes as they were read or not at all, and then lets on those that hold them.
What was read too long ago matches nothing; who died in between left what the next pass finishes.

None of these writes waits for the disk: the claim of the job, which comes after them, does. If the
primary is lost in between, the attempt finds that its job holds no lane (docs/decisions/0024).
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import field

from bson.raw_bson import RawBSONDocument
from pymongo.read_concern import ReadConcern

from shared.contracts.gates import FOR_KEY
from shared.contracts.job import Job
from shared.contracts.keys import MOST_LIMIT
from shared.contracts.lanes import GONE, Admission, InLine, Lane, Over, admit, over_by, standing
from shared.contracts.moves import MOVES, Move, Status
from shared.contracts.record import record
from shared.infrastructure.collections import BY_ID, JOBS
from shared.infrastructure.lanes.rows import LaneRows
from shared.infrastructure.mongo import Database, Document, translated
from shared.infrastructure.workflow.progress import Runnable
from shared.infrastructure.writes import encoded, update

_MOST_KEYS = 500  # in one pass
_MOST_AHEAD = 100  # jobs of one line that a pass looks at
_ROUNDS = 20  # a lane that changes this often in between is left to the keeper


@record
class LetIn:
    """Which new jobs hold their lanes, and who else may run by that."""

    ids: Set[str] = frozenset()
    runnable: Sequence[Runnable] = ()


@record
class _LetOn:
    """What came of letting jobs on that hold the lane that they stood in line for."""

    runnable: Sequence[Runnable] = ()
    keys: Sequence[str] = ()  # lanes to look at again
    over: Over = field(default_factory=dict)


class Admissions:
    """Lets jobs in and on. Every write may be repeated, and loses against a faster one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._jobs = database.get_collection(JOBS, read_concern=ReadConcern("majority"))
        self.rows = LaneRows(database)

    async def let_in(self, jobs: Iterable[Job]) -> LetIn:
        """Let jobs in that are about to be stored, if their lanes are free.

        A lane for which somebody else stands in line is given back: who comes first goes first.

        Of whoever dies before they are stored, the keeper frees the lanes. Should they be stored
        after that, their attempts find that they do not hold them.
        """
        by_key: defaultdict[str, list[InLine]] = defaultdict(list)
        for job in jobs:
            if job.lane and len(job.keys) == 1 and job.slot is None:
                by_key[job.lane].append(standing(job))
        if not 0 < len(by_key) <= _MOST_KEYS:
            return LetIn()
        admissions = [
            admit(Lane(key=key, stored=False), {}, sorted(line, key=_in_order))
            for key, line in by_key.items()
        ]
        taken, lines = await asyncio.gather(
            self.rows.take_free(admissions), self.rows.lines(dict.fromkeys(by_key, 1))
        )
        overtaken = {each.before.key: each for each in taken if lines.get(each.before.key)}
        over = {job.id: GONE for each in overtaken.values() for job in each.admitted}
        runnable = await self.pass_on(dict.fromkeys(overtaken, 1), over)
        let_in = [each for each in taken if each.before.key not in overtaken]
        return LetIn(ids={job.id for each in let_in for job in each.admitted}, runnable=runnable)

    async def settle(self, jobs: Iterable[Job]) -> list[Runnable]:
        """Do what follows from how these jobs stand: they are over, or have come to stand in line.

        Return the jobs that may run now, these or others.
        """
        jobs = [job for job in jobs if job.keys]
        over = over_by(jobs)
        wanted: dict[str, int] = {}
        for job in jobs:
            keys = job.keys if job.id in over else filter(None, (job.lane,))
            for key in keys:
                wanted[key] = min(job.key_limit, wanted.get(key, 0) + 1)
        return await self.pass_on(wanted, over)

    async def pass_on(self, wanted: Mapping[str, int], over: Over | None = None) -> list[Runnable]:
        """Let jobs into the lanes of these keys; of each, so many first in line are looked at."""
        runnable: dict[str, Runnable] = {}
        left, gone = dict(wanted), dict(over or {})
        for _ in range(_ROUNDS):
            if not left:
                break
            now = dict(list(left.items())[:_MOST_KEYS])
            left = {key: most for key, most in left.items() if key not in now}
            left |= await self._once(now, gone, runnable)
        return list(runnable.values())

    async def let_on(self, jobs: Sequence[InLine]) -> list[Runnable]:
        """Let on jobs that hold the lane that they stand in line for; whoever let them in died."""
        let_on = await self._let_on(jobs)
        behind = await self.pass_on(dict.fromkeys(let_on.keys, 1), let_on.over)
        return [*let_on.runnable, *behind]

    async def _once(
        self, wanted: Mapping[str, int], over: dict[str, int], runnable: dict[str, Runnable]
    ) -> dict[str, int]:
        """Do one pass; return which lanes need another one, and how far it has to look."""
        ahead = {key: min(_MOST_AHEAD, max(1, most)) for key, most in wanted.items()}
        lanes, lines = await self._look(ahead)
        admissions = [admit(lanes[key], over, lines.get(key, ())) for key in wanted]
        if not await self.rows.write(admissions):
            return dict(wanted)
        let_on = await self._let_on([each for a in admissions for each in a.admitted])
        runnable |= {each.id: each for each in let_on.runnable}
        over |= let_on.over
        again = {a.before.key: len(a.admitted) * 2 for a in admissions if _has_room(a, ahead)}
        return dict.fromkeys(let_on.keys, 1) | again

    async def _look(
        self, wanted: Mapping[str, int]
    ) -> tuple[dict[str, Lane], dict[str, list[InLine]]]:
        """Return the lanes of these keys, and so many of those who are first in line for each."""
        return await asyncio.gather(self.rows.lanes(list(wanted)), self.rows.lines(wanted))

    async def _let_on(self, admitted: Sequence[InLine]) -> _LetOn:
        if not admitted:
            return _LetOn()
        matched = await update(self._database, JOBS, list(map(_step, admitted)), durable=False)
        if matched == len(admitted):
            return _LetOn(
                runnable=[_runnable(each) for each in admitted if not each.next_key],
                keys=[each.next_key for each in admitted if each.next_key],
            )
        return await self._look_after(admitted)

    async def _look_after(self, admitted: Sequence[InLine]) -> _LetOn:
        """Some have moved on since they were read: let on by others, or to where they are over."""
        ids = [each.id for each in admitted]
        shown = {"status": 1, "version": 1, "because": 1, "lane": 1}
        with translated():
            found = await self._jobs.find({"_id": {"$in": ids}}, shown).hint(BY_ID).to_list(None)
        now = {row["_id"]: row for row in found}
        runnable: list[Runnable] = []
        keys: list[str] = []
        over: dict[str, int] = {}
        for each in admitted:
            row = now.get(each.id, _NOTHING)
            if row["status"] == Status.QUEUED.value:
                runnable.append(_runnable(each))
            elif row.get("because") == FOR_KEY and row["status"] == Status.WAITING.value:
                keys.append(row["lane"])
            elif row["status"] != Status.RUNNING.value:
                over[each.id] = row["version"]
                keys.append(each.key)
        return _LetOn(runnable=runnable, keys=keys, over=over)


_NOTHING: Document = {"status": None, "version": GONE}


def _in_order(job: InLine) -> tuple[int, str]:
    return -job.priority, job.id


def _has_room(admission: Admission, ahead: Mapping[str, int]) -> bool:
    """Say whether others may come in, too: as many did as were looked at, and there is room."""
    looked_at = ahead[admission.before.key]
    return len(admission.admitted) == looked_at and admission.after.admits(MOST_LIMIT)


def _runnable(job: InLine) -> Runnable:
    return Runnable(job.queue, job.id, job.task, job.tags, job.priority, job.keys)


def _step(job: InLine) -> RawBSONDocument:
    """Return the update that lets a job on: to the lane of its next key, or to run."""
    query = {
        "_id": job.id,
        "status": Status.WAITING.value,
        "version": job.version,
        "lane": job.key,
    }
    change: Document = {
        "$set": {"status": MOVES[Move.OPEN][1].value, "published": False},
        "$unset": {"lane": "", "because": ""},
        "$inc": {"version": 1},  # safe: the filter pins the version
        "$currentDate": {"queued_at": True},
    }
    if job.next_key:
        change = {"$set": {"lane": job.next_key}, "$inc": {"version": 1}}  # safe: likewise
    if job.key == job.keys[0]:
        change["$set"]["turn"] = job.version
    return encoded({"q": query, "u": change, "hint": BY_ID})
