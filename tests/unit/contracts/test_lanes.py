"""Lanes: who gets in, in which order, and that whoever is late takes nobody's place."""

import random
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.contracts.job import Job
from shared.contracts.lanes import GONE, Holder, InLine, Lane, admit, is_over, over_by
from shared.contracts.moves import Status
from tests.builders import LATER, a_failure, a_job, a_job_in, a_running_job


def in_line(job_id: str, version: int = 1, *, limit: int = 1, **more: object) -> InLine:
    """A job that stands in line for the key `k`."""
    job = InLine(id=job_id, key="k", version=version, queue="q", task="t", limit=limit)
    return replace(job, **more)  # type: ignore[arg-type]


def held_by(*holders: Holder, held: bool = False) -> Lane:
    return Lane(key="k", holders=holders, held=held)


def holder(job_id: str, turn: int = 1, limit: int = 1) -> Holder:
    return Holder(job=job_id, turn=turn, limit=limit)


def who(lane: Lane) -> list[str]:
    return [each.job for each in lane.holders]


def test_the_first_in_line_gets_a_free_lane_and_the_others_wait() -> None:
    admission = admit(held_by(), {}, [in_line("a"), in_line("b")])
    assert admission.changes
    assert [each.id for each in admission.admitted] == ["a"]
    assert admission.after.holders == (holder("a"),)


def test_a_full_lane_is_left_alone() -> None:
    assert not admit(held_by(holder("a")), {}, [in_line("b")]).changes


def test_who_is_over_makes_room_for_the_next_in_the_same_step() -> None:
    admission = admit(held_by(holder("a", 3)), {"a": 6}, [in_line("b")])
    assert who(admission.after) == ["b"]


def test_who_is_late_does_not_end_a_later_turn() -> None:
    """A worker that was stopped after it put a job off frees only the turn that it saw end."""
    lane = held_by(holder("a", 7))
    assert not admit(lane, {"a": 6}, [in_line("b")]).changes
    assert who(admit(lane, {"a": 8}, [in_line("b")]).after) == ["b"]


def test_a_job_that_stands_in_line_again_has_no_earlier_turn() -> None:
    lane = held_by(holder("a", 1))
    assert admit(lane, {}, [in_line("a", 5)]).after.holders == (holder("a", 5),)
    assert who(admit(lane, {}, [in_line("urgent"), in_line("a", 5)]).after) == ["urgent"]


def test_a_job_that_was_let_in_and_not_on_is_let_on_by_the_next_pass() -> None:
    admission = admit(held_by(holder("a", 4)), {}, [in_line("a", 4)])
    assert not admission.changes
    assert [each.id for each in admission.admitted] == ["a"]


def test_a_lane_that_is_held_lets_nobody_in_and_those_who_are_over_leave() -> None:
    admission = admit(held_by(holder("a"), held=True), {"a": 9}, [in_line("b")])
    assert (who(admission.after), admission.admitted) == ([], ())


def test_as_many_are_in_a_lane_as_the_strictest_of_them_bears() -> None:
    wide = [in_line(name, limit=3) for name in "abcd"]
    assert who(admit(held_by(), {}, wide).after) == ["a", "b", "c"]
    strict = [in_line("a", limit=3), in_line("b", limit=1), in_line("c", limit=3)]
    assert who(admit(held_by(), {}, strict).after) == ["a"], "nobody overtakes b"
    assert not admit(held_by(holder("a", limit=1)), {}, wide[1:]).changes


def test_a_job_with_several_keys_goes_from_one_to_the_next() -> None:
    assert in_line("a", keys=("j", "k", "l")).next_key == "l"
    assert in_line("a", keys=("j", "k")).next_key is None


def test_only_a_job_that_may_run_or_takes_its_keys_has_a_place() -> None:
    over = [
        a_job_in(Status.SUCCEEDED, id="done", keys=("k",), version=4),
        a_job_in(Status.WAITING, id="rests", keys=("k",), version=5, because="retry"),
        a_job_in(Status.WAITING, id="grew", keys=("k",), version=6, because="jobs", due_at=None),
    ]
    placed = [
        a_job(id="queued", keys=("k",)),
        a_running_job(id="runs", keys=("k",)),
        a_job_in(Status.WAITING, id="line", keys=("k",), because="key", lane="k", due_at=None),
        a_job_in(Status.SUCCEEDED, id="plain"),
    ]
    assert over_by([*over, *placed]) == {"done": 4, "rests": 5, "grew": 6}


def test_what_became_of_a_holder_is_seen_in_its_job() -> None:
    waiting = a_job_in(
        Status.WAITING, keys=("j", "k"), because="key", lane="k", due_at=None, version=3
    )
    assert is_over(holder("a"), "j", waiting) is None, "it waits for the key behind"
    assert is_over(holder("a"), "k", waiting) == 3
    assert is_over(holder("a"), "k", replace(waiting, lane="j")) == 3
    assert is_over(holder("a"), "k", a_running_job(keys=("k",))) is None
    assert is_over(holder("a"), "k", None) == GONE


class Town:
    """Jobs of one key, those who let them in at any moment, and those who are always late."""

    def __init__(self, count: int, limit: int, chance: random.Random) -> None:
        self.chance = chance
        self.limit = limit
        self.lane = Lane(key="k")
        self.jobs = {str(n): self._new(n) for n in range(count)}
        self.read: list[tuple[Lane, Sequence[InLine]]] = []  # by passes under way
        self.late: list[dict[str, int]] = []  # what somebody saw to be over, and has not told

    def _new(self, number: int) -> Job:
        return a_job(
            id=str(number), status=Status.WAITING, keys=("k",), lane="k", because="key",
            key_limit=self.limit,
        )  # fmt: skip

    def step(self) -> None:
        self.chance.choice([self._look, self._write, self._work, self._tell])()

    def _look(self) -> None:
        self.read.append((self.lane, self._line()))

    def _line(self) -> list[InLine]:
        waiting = [job for job in self.jobs.values() if job.lane == "k"]
        return [
            InLine(id=job.id, key="k", version=job.version, queue="", task="", limit=self.limit)
            for job in sorted(waiting, key=lambda job: int(job.id))
        ][:2]

    def _write(self) -> None:
        if self.read:
            lane, line = self.read.pop(self.chance.randrange(len(self.read)))
            over = self.late.pop(self.chance.randrange(len(self.late))) if self.late else {}
            admission = admit(lane, over, line)
            if lane.holders == self.lane.holders:
                self.lane = admission.after
                for each in admission.admitted:
                    self._let_on(each)
            elif over:
                self.late.append(over)

    def _let_on(self, each: InLine) -> None:
        job = self.jobs[each.id]
        if job.version == each.version and job.lane == "k":
            self.jobs[job.id] = job.opened(at=LATER)
        elif over := over_by([job]):
            self.late.append(over)

    def _work(self) -> None:
        held = [job for job in self.jobs.values() if job.status is Status.QUEUED]
        resting = [job for job in self.jobs.values() if job.because == "retry"]
        if resting and self.chance.random() < 0.5:
            job = self.chance.choice(resting)
            self.jobs[job.id] = job.opened(at=LATER)  # in line again
        elif held:
            job = self.chance.choice(held)
            running = job.claimed(by=a_running_job().claim, at=LATER)  # type: ignore[arg-type]
            if self.chance.random() < 0.4:
                after = running.tried_in_vain(error=a_failure(), delay=LATER - LATER, at=LATER)
            else:
                after = running.succeeded(result="1", at=LATER)
            self.jobs[job.id] = after
            self.late.append(over_by([after]))

    def _tell(self) -> None:
        """Somebody tells for the second time, long after."""
        if self.late:
            self.late.append(self.chance.choice(self.late))

    @property
    def beside_each_other(self) -> int:
        return sum(job.status is Status.QUEUED for job in self.jobs.values())


@settings(deadline=None)
@given(st.integers(1, 6), st.integers(1, 3), st.integers(0, 2**32))
def test_whoever_is_late_or_tells_twice_there_are_never_more_at_once_than_the_limit(
    count: int, limit: int, seed: int
) -> None:
    town = Town(count, limit, random.Random(seed))
    for _ in range(300):
        town.step()
        assert town.beside_each_other <= limit
        assert len(town.lane.holders) <= limit
