"""How long conversations go on, with a clock of our own."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from warren.errors import Problem, Unreachable
from warren.patience import Patience, retry_after
from warren.questions import get, wait
from warren.talk import Answer, Call, Pause, Talk

CALL = Call("GET", "/v1/jobs/1")
BUSY = Answer(503, {}, b"")
RUNNING = Answer(200, {}, b'{"id": "1", "task": "t.f", "status": "running"}')


class Clock:
    """Time that passes only in pauses, and as long as calls are said to take."""

    def __init__(self, *, call_takes: float = 0.0) -> None:
        self.now = 100.0
        self.call_takes = call_takes
        self.pauses: list[float] = []
        self.calls: list[Call] = []

    def patience(self, total_s: float) -> Patience:
        return Patience(total_s, clock=lambda: self.now, chance=lambda: 1.0)

    def hold(self, talk: Talk[object], answer: Answer | Exception) -> object:
        """Hold a conversation in which every call has the same answer."""
        try:
            step = next(talk)
            while True:
                if isinstance(step, Pause):
                    self.pauses.append(step.seconds)
                    self.now += step.seconds
                    step = talk.send(None)
                    continue
                self.calls.append(step)
                self.now += self.call_takes
                step = talk.throw(answer) if isinstance(answer, Exception) else talk.send(answer)
        except StopIteration as end:
            return end.value


def test_pauses_grow_up_to_five_seconds_and_stop_when_patience_is_over() -> None:
    clock = Clock()
    with pytest.raises(Unreachable, match="gone"):
        clock.hold(clock.patience(20).ask(CALL), Unreachable("gone"))
    assert clock.pauses == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0])


def test_chance_shortens_a_pause_by_up_to_a_half() -> None:
    tries = Patience(60, clock=lambda: 0.0, chance=lambda: 0.0).begin()
    assert tries.pause(Unreachable("gone")).seconds == pytest.approx(0.05)


def test_a_service_that_stays_busy_is_told_as_its_problem() -> None:
    clock = Clock()
    with pytest.raises(Problem, match="503"):
        clock.hold(clock.patience(1).ask(CALL), BUSY)


def test_retry_after_is_honoured() -> None:
    clock = Clock()
    with pytest.raises(Problem):
        clock.hold(clock.patience(10).ask(CALL), Answer(429, {"retry-after": "4"}, b""))
    assert clock.pauses == [4.0, 4.0]


def test_retry_after_may_be_a_date_or_nonsense() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert 25 < retry_after(Answer(503, {"retry-after": date}, b"")) <= 30
    for said in ("soon", "", "-3", "Mon, 99 Foo"):
        assert retry_after(Answer(503, {"retry-after": said}, b"")) == 0


def test_waiting_asks_the_service_to_wait_and_never_longer_than_our_time() -> None:
    clock = Clock(call_takes=30)
    with pytest.raises(TimeoutError):
        clock.hold(wait(clock.patience(60), "1", 70), RUNNING)
    assert [call.headers.get("Prefer") for call in clock.calls] == [
        "wait=30",
        "wait=30",
        "wait=10",
    ]
    assert all(call.timeout_s > 30 for call in clock.calls)
    assert clock.pauses == []


def test_a_service_that_does_not_wait_with_us_is_not_hammered() -> None:
    clock = Clock()
    with pytest.raises(TimeoutError):
        clock.hold(wait(clock.patience(60), "1", 2), RUNNING)
    assert sum(clock.pauses) == pytest.approx(2)
    assert len(clock.calls) == 9


def test_waiting_is_no_more_patient_than_its_timeout() -> None:
    clock = Clock()
    with pytest.raises(Unreachable):
        clock.hold(wait(clock.patience(3600), "1", 2), Unreachable("gone"))
    assert clock.now < 103


def test_a_final_answer_is_asked_for_once() -> None:
    clock = Clock()
    with pytest.raises(Problem, match="404"):
        clock.hold(get(clock.patience(60), "1"), Answer(404, {}, b""))
    assert len(clock.calls) == 1
