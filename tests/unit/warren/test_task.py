"""Declaring tasks: names, kinds, options, and what is refused."""

import pickle
import sys
from types import ModuleType
from typing import Any

import pytest

from tests.unit.warren import sample_tasks
from tests.unit.warren.sample_tasks import add, count, pid, sleep
from warren import InvalidInput, Job, Task, task
from warren.recorder import Progress, Recorder
from warren.task import tasks_of


def test_a_task_is_named_after_the_last_part_of_its_module_and_its_function() -> None:
    assert add.name == "sample_tasks.add"


def test_a_name_of_its_own_wins() -> None:
    assert task(name="mail.send-now_2")(lambda: None).name == "mail.send-now_2"


def test_a_task_of_a_script_is_named_after_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    main = ModuleType("__main__")
    main.__file__ = "/somewhere/jobs.py"
    monkeypatch.setitem(sys.modules, "__main__", main)

    def run() -> None: ...

    run.__module__ = "__main__"
    assert task(run).name == "jobs.run"


@pytest.mark.parametrize("name", ["", "a b", "ä.b", "a/b", "x" * 201, "a\n"])
def test_a_name_that_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot name a task"):
        task(name=name)(lambda: None)


def test_the_kind_of_function_decides_how_it_runs() -> None:
    assert (add.execution, sleep.execution, pid.execution) == ("thread", "loop", "process")


def test_defaults_and_options_can_be_read() -> None:
    assert (add.queue, add.timeout_s, add.title) == ("default", None, "Add two numbers")
    assert (count.queue, count.timeout_s) == ("slow", 30)
    assert add.doc.startswith("Add two numbers.")
    assert task(name="a", title="A title")(lambda: None).title == "A title"


def test_a_generator_is_refused() -> None:
    def numbers() -> Any:
        yield 1

    with pytest.raises(TypeError, match="return a list instead"):
        task(numbers)


def test_what_is_no_function_is_refused() -> None:
    with pytest.raises(TypeError, match="wrap it in a def"):
        task(print)


def test_an_example_that_does_not_fit_is_refused_at_once() -> None:
    def double(x: int) -> int:
        return 2 * x

    with pytest.raises(InvalidInput, match="/x"):
        task(name="t.double", examples=[{"x": 1}, {"x": "1"}])(double)


def test_a_task_is_still_a_function() -> None:
    assert add(1, y=4) == 5
    assert add.__name__ == "add"


async def test_a_task_that_asks_for_its_job_can_be_called_without_one() -> None:
    assert await count(3) == 3


async def test_a_task_can_be_called_with_a_job_of_ones_own() -> None:
    port = Recorder()
    job = Job(id="1", attempt=1, input={}, port=port)
    assert await count.fn(job, 1) == 1
    assert sample_tasks.count_in_a_thread(2, job)["id"] == "1"
    assert port.reports == [Progress(1, 1, "at 1"), Progress(2, 2)]


def test_a_module_tells_its_tasks_each_once_in_order() -> None:
    module = ModuleType("jobs")
    vars(module).update(a=add, b=sleep, again=add, other=3)
    assert tasks_of(module) == [add, sleep]


def test_a_task_is_pickled_by_name() -> None:
    assert pickle.loads(pickle.dumps(add)) is add


def test_a_task_shows_its_name() -> None:
    assert repr(add) == "<task sample_tasks.add>"
    assert isinstance(add, Task)
