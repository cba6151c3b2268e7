"""The documents say what is so: names, settings, pictures, links and code are compared."""

import ast
import inspect
import re
import sys
from collections.abc import Awaitable, Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from api import main as gateway
from shared.contracts.moves import MOVES, Status
from tests.unit.settings_names import (
    ALL_PROCESSES,
    EVERY_NAME,
    GATEWAY,
    ROOT,
    SDK,
    WORKER,
    defaults,
    sources,
)
from warren.rehearsal import Outcome, arun_task, run_task
from warren.task import Task, tasks_of

DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
INTERNAL = {"WARREN_STACK_MARK"}  # how the local stack knows its own processes


def read(name: str) -> str:
    return (ROOT / name).read_text()


def rows(text: str) -> Iterator[list[str]]:
    """Yield the cells of each row of each table."""
    for line in text.splitlines():
        if line.startswith("| ") and not line.startswith("|---"):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


def sections(text: str) -> dict[str, str]:
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def blocks(name: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", read(name), re.MULTILINE | re.DOTALL)


# Settings


def test_every_variable_that_is_named_anywhere_exists() -> None:
    for path in sources():
        named = set(re.findall(r"\bWARREN_[A-Z0-9_]*[A-Z0-9]\b", path.read_text()))
        assert named <= EVERY_NAME | INTERNAL, path


def test_the_configuration_page_has_every_variable_with_its_default() -> None:
    written = {
        cells[0].strip("`"): cells[1].strip("`")
        for cells in rows(read("docs/configuration.md"))
        if cells[0].startswith("`WARREN_")
    }
    unset = {"WARREN_RABBIT_URL": "required", "WARREN_MONGO_URL": "required"}
    expected = {name: value or unset.get(name, "not set") for name, value in defaults().items()}
    assert written == expected


def test_the_configuration_page_says_who_reads_a_variable() -> None:
    told = {
        title: {cells[0].strip("`") for cells in rows(text) if cells[0].startswith("`WARREN_")}
        for title, text in sections(read("docs/configuration.md")).items()
    }
    assert told["Every process"] == ALL_PROCESSES
    assert told["A gateway"] == GATEWAY - ALL_PROCESSES
    assert told["A worker"] == WORKER - ALL_PROCESSES
    assert told["The Python client and the examples"] == SDK.keys()


# Commands


def test_the_readme_has_every_command_of_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*?## ", read("Makefile"), re.MULTILINE)) - {"help"}
    table = sections(read("README.md"))["Commands"]
    assert set(re.findall(r"`make ([a-z-]+)`", table)) == targets


def test_every_make_target_that_a_document_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
    for path in DOCUMENTS:
        named = re.findall(r"(?:`|^|&& )make ([a-z-]+)", path.read_text(), re.MULTILINE)
        assert set(named) <= targets, path


def test_every_module_that_a_document_runs_exists() -> None:
    for path in DOCUMENTS:
        for module in re.findall(r"python -m ([a-z_.]+[a-z])", path.read_text()):
            spec = find_spec(module)
            assert spec is not None, (path, module)
            if spec.submodule_search_locations is not None:
                assert find_spec(f"{module}.__main__") is not None, (path, module)


# The life of a job


def test_the_picture_of_a_job_has_exactly_the_moves_of_the_code() -> None:
    (picture,) = blocks("docs/job-lifecycle.md", "mermaid")
    drawn = {
        (source, target, move)
        for source, target, move in re.findall(r"^\s+(\w+) --> (\w+): [A-Z] (.+)$", picture, re.M)
    }
    legal = {
        (source.value, target.value, move.value)
        for move, (froms, target) in MOVES.items()
        for source in froms
    }
    assert drawn == legal


def test_each_move_in_the_picture_has_its_sentence() -> None:
    text = read("docs/job-lifecycle.md")
    arrows = re.findall(r"^\s+\w+ --> \w+: ([A-Z] .+)$", text, re.M)
    letters = list(dict.fromkeys(arrows))  # a move may start from several statuses
    told = [cells[0] for cells in rows(text) if re.match(r"[A-Z] \w", cells[0])]
    assert told == letters


def test_each_status_is_explained_and_said_to_be_reached_only_if_it_is() -> None:
    told = {
        cells[0].strip("`"): cells[2]
        for cells in rows(read("docs/job-lifecycle.md"))
        if len(cells) == 3 and cells[2] in ("yes", "no")
    }
    reached = {Status.QUEUED, *(target for _, target in MOVES.values())}
    assert told == {status.value: "yes" if status in reached else "no" for status in Status}


# The API


def test_the_overview_of_the_api_has_every_route_of_the_gateway() -> None:
    told = {
        tuple(cells[0].strip("`").split(" "))
        for cells in rows(read("docs/http-api.md"))
        if re.match(r"`(GET|POST|PUT|PATCH|DELETE) /", cells[0])
    }
    served = {
        (method, route.path.replace(":path", ""))
        for module in gateway._ROUTERS
        for route in module.router.routes
        for method in getattr(route, "methods", None) or ()
        if re.match(r"/(v1|healthz|metrics)", route.path) and method != "HEAD"
    }
    assert told == served


# Guarantees


def test_every_test_that_a_document_names_exists() -> None:
    named = 0
    for path in DOCUMENTS:
        for file, test in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", path.read_text()):
            named += 1
            assert re.search(rf"^(async )?def {test}\(", read(file), re.MULTILINE), (path, test)
    assert named > 20


# Places


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_that_a_document_names_exists(path: Path) -> None:
    text = path.read_text()
    folders = "api|worker|shared|warren|deploy|docs|tests|examples|bench"
    for named in re.findall(rf"`((?:{folders})/[\w./-]*)`", text):
        assert (ROOT / named).exists(), named
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if "://" not in link:
            assert (path.parent / link).exists(), link


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.name)
def test_a_decision_has_the_form_that_the_first_one_asks_for(path: Path) -> None:
    text = path.read_text()
    number = int(path.name[:4])
    assert re.match(rf"# {number}\. \w", text)
    assert re.search(r"^Status: .+ · Date: \d{4}-\d\d-\d\d$", text, re.MULTILINE)
    assert [*sections(text)] == ["Context", "Decision", "Consequences", "Alternatives"]
    assert len(text.splitlines()) <= 40


def test_decisions_are_numbered_without_gaps_and_exist_where_the_code_names_them() -> None:
    numbers = [path.name[:4] for path in DECISIONS]
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]
    for path in sources():
        for number in re.findall(r"docs/decisions/(\d{4})", path.read_text()):
            assert number in numbers, path


# Code


def is_for_a_service(code: str) -> bool:
    return code.startswith("# needs the running service")


@pytest.mark.parametrize("name", [str(path.relative_to(ROOT)) for path in DOCUMENTS])
def test_code_in_documents_is_python(name: str) -> None:
    for code in blocks(name, "python"):
        ast.parse(code)


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module that docs/writing-tasks.md writes."""
    module = ModuleType("shop")
    monkeypatch.setitem(sys.modules, "shop", module)
    code = [
        code for code in blocks("docs/writing-tasks.md", "python") if not is_for_a_service(code)
    ]
    exec(compile("\n\n".join(code), "writing-tasks.md", "exec"), vars(module))
    return module


def test_the_tasks_of_the_page_are_tasks(shop: ModuleType) -> None:
    found = {task.name: task.execution for task in tasks_of(shop)}
    assert found == {
        "shop.tax": "thread",
        "shop.charge": "loop",
        "shop.primes_below": "process",
        "shop.sell": "loop",
        "shop.restock": "loop",
        "shop.ship": "loop",
        "shop.refund": "thread",
        "shop.count_stock": "loop",
        "shop.print_labels": "process",
        "shop.open_the_books": "thread",
    }
    assert shop.tax(10000) == 1900
    assert shop.primes_below(100) == 25


async def test_the_tests_of_the_page_pass(shop: ModuleType) -> None:
    tests = {name: value for name, value in vars(shop).items() if name.startswith("test_")}
    fixtures: dict[str, Any] = {"run_task": run_task, "arun_task": arun_task}
    for test in tests.values():
        ended = test(*(fixtures[name] for name in inspect.signature(test).parameters))
        if inspect.isawaitable(ended):
            await ended
    assert len(tests) == 6


def test_the_page_has_every_option_of_a_task() -> None:
    table = sections(read("docs/writing-tasks.md"))["Options"]
    told = {cells[0].strip("`") for cells in rows(table)} - {"option"}
    assert told == inspect.signature(Task).parameters.keys() - {"fn"}


async def test_the_task_of_the_readme_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("shop")
    monkeypatch.setitem(sys.modules, "shop", module)
    (code,) = [code for code in blocks("README.md", "python") if not is_for_a_service(code)]
    exec(compile(code, "README.md", "exec"), vars(module))
    assert len(code.splitlines()) <= 12, "short enough to be read at a glance"
    run: Callable[..., Awaitable[Outcome]] = arun_task
    outcome = await run(module.pack, {"items": ["a pen", "a book"]})
    assert (module.pack.name, outcome.result) == ("shop.pack", 2)
    assert [report.message for report in outcome.progress] == ["a pen", "a book"]


# Tone


def test_no_document_names_a_place_where_packages_are_fetched_or_a_path_of_one_machine() -> None:
    for path in DOCUMENTS:
        found = re.findall(
            r"(?i)pypi|npmjs|pythonhosted|deb\.debian|/home/|/root/|/work/", path.read_text()
        )
        assert not found, path
