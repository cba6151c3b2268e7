"""Which tasks a worker knows, and which modules it refuses."""

from pathlib import Path

import pytest

from shared.contracts.errors import BadSetting
from warren import Task, task
from worker.registry import Registry, load_registry


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that modules are imported from."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def a_task(name: str, *, queue: str = "default") -> Task[[int], int]:
    def double(x: int) -> int:
        """Double a number."""
        return 2 * x

    return task(name=name, queue=queue, examples=[{"x": 2}])(double)


def test_tasks_are_found_by_name_and_listed_in_order() -> None:
    b, a = a_task("b.b"), a_task("a.a")
    registry = Registry([b, a])
    assert registry.names == ("a.a", "b.b")
    assert registry.get("a.a") is a


def test_every_queue_of_a_task_is_listed_once() -> None:
    registry = Registry([a_task("a", queue="y"), a_task("b", queue="x"), a_task("c", queue="y")])
    assert registry.queues == ("x", "y")


def test_two_tasks_of_one_name_are_refused_by_name() -> None:
    with pytest.raises(BadSetting, match=r"two tasks named a\.a; rename one"):
        Registry([a_task("a.a"), a_task("a.a")])


def test_one_task_that_is_found_twice_is_one_task() -> None:
    same = a_task("a.a")
    assert Registry([same, same]).names == ("a.a",)


def test_what_the_catalogue_shows_comes_from_the_task() -> None:
    [entry] = Registry([a_task("math.double", queue="math")]).entries()
    assert (entry.name, entry.queue, entry.execution) == ("math.double", "math", "thread")
    assert entry.doc == "Double a number."
    assert entry.input_schema["properties"]["x"]["type"] == "integer"
    assert entry.input_schema["additionalProperties"] is False
    assert entry.output_schema["type"] == "integer"
    assert entry.examples == ({"x": 2},)


def test_the_catalogue_shows_the_times_and_the_retries_of_a_task() -> None:
    @task(
        name="mail.send",
        timeout_s=60,
        soft_timeout_s=50,
        retry={"max_attempts": 5, "factor": 3},
        priority=7,
        expires_in_s=3600,
        retention_s=86_400,
        schedule="@daily",
    )
    async def send() -> None: ...

    [plain, entry] = Registry([a_task("a.a"), send]).entries()
    assert (entry.timeout_s, entry.soft_timeout_s, entry.priority) == (60, 50, 7)
    assert (entry.expires_in_s, entry.retention_s) == (3600, 86_400)
    assert entry.schedule == {"cron": "@daily"}
    assert entry.retry == {
        "max_attempts": 5,
        "backoff_s": 1,
        "factor": 3,
        "max_backoff_s": 3600,
        "jitter": True,
    }
    assert (plain.retry, plain.schedule, plain.priority) == (None, None, 5)


def test_a_package_is_loaded_with_the_modules_inside_it(modules: Path) -> None:
    package = modules / "shop_tasks"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "mail.py").write_text("from warren import task\n@task\ndef send(): ...\n")
    (package / "bill.py").write_text("from warren import task\n@task\ndef pay(): ...\n")
    assert load_registry(["shop_tasks"]).names == ("bill.pay", "mail.send")


def test_a_module_that_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(BadSetting, match="WARREN_TASKS names no_such_module, which cannot be"):
        load_registry(["no_such_module"])


@pytest.mark.parametrize("line", ["1 / 0", "def", "import no_such_thing", "raise SystemExit(0)"])
def test_a_module_that_fails_on_import_is_refused_with_the_reason(modules: Path, line: str) -> None:
    name = f"broken_{abs(hash(line))}"
    (modules / f"{name}.py").write_text(line)
    with pytest.raises(BadSetting, match=rf"WARREN_TASKS names {name}, .*(Error|Exit)"):
        load_registry([name])


def test_modules_without_any_task_are_refused(modules: Path) -> None:
    (modules / "without_tasks.py").write_text("x = 1")
    with pytest.raises(BadSetting, match="WARREN_TASKS=without_tasks holds no task"):
        load_registry(["without_tasks"])


def test_the_built_in_catalogue_loads_and_shows_itself() -> None:
    registry = load_registry(["worker.tasks"])
    assert "math.add" in registry.names
    assert len(registry.entries()) == len(registry.names)
