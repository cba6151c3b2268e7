"""docs/workflows.md says what is so: its signatures give what it says, its document is in order."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from shared.contracts.workflow.reading import read_graph
from tests.unit.warren.canvas.evaluator import run
from warren import Signature
from warren.pytest_plugin import RunTask
from warren.task import Task

PAGE = (Path(__file__).parents[4] / "docs" / "workflows.md").read_text()
GIVES = re.compile(r"^(\w+) = .*# (?:given (.+) )?gives (.+)$", re.MULTILINE)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    """What the page defines, block after block."""
    found: dict[str, Any] = {"__name__": "page"}
    for block in blocks("python"):
        exec(block, found)
    return found


@pytest.mark.parametrize("example", GIVES.findall(PAGE), ids=lambda example: example[0])
def test_an_example_gives_what_the_page_says(
    names: dict[str, Any], example: tuple[str, str, str]
) -> None:
    name, given, expected = example
    tasks = {each.name: each for each in names.values() if isinstance(each, Task)}
    arguments = [json.loads(given)] if given else []
    document = names[name].document(*arguments)
    assert run(document, tasks).result == json.loads(expected)


def test_every_other_signature_of_the_page_is_a_workflow(names: dict[str, Any]) -> None:
    signatures = [each for each in names.values() if isinstance(each, Signature)]
    assert len(signatures) > len(GIVES.findall(PAGE))
    for each in signatures:
        read_graph(each.document(1) if each is names["start"] else each.document())


def test_the_document_of_the_page_is_in_order() -> None:
    [document] = blocks("json")
    graph = read_graph(json.loads(document))
    assert [node.name for node in graph.nodes] == ["pages", "fetch", "report", "alarm"]


def test_the_tasks_of_the_page_grow_as_it_says(names: dict[str, Any], run_task: RunTask) -> None:
    crawled = run_task(names["crawl"], {"site": "x"})
    [spawned] = crawled.spawned
    assert (crawled.result, spawned.wait, len(spawned.graph["nodes"])) == (3, True, 3)
    replaced = run_task(names["shortcut"], {"x": 1})
    assert replaced.status == "waiting"
    assert replaced.replaced_by is not None
    assert list(replaced.replaced_by["nodes"]) == ["add", "add-2"]
