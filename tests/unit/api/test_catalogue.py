"""The gateway's copy of the catalogue: fresh enough, and never in the way of the other tasks."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from api.catalogue import Catalogue
from shared.contracts.catalogue import TaskEntry
from shared.contracts.errors import InvalidInput, UnknownTask
from tests.eventually import eventually
from tests.fakes.store import FakeCatalogue

ADD = TaskEntry(
    name="math.add",
    queue="math",
    execution="loop",
    input_schema={
        "type": "object",
        "properties": {
            "x": {"type": "integer"},
            "a/b~c": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["x"],
        "additionalProperties": False,
    },
)


def with_schema(name: str, schema: dict[str, Any]) -> TaskEntry:
    return TaskEntry(name=name, queue="q", execution="loop", input_schema=schema)


class SlowCatalogue(FakeCatalogue):
    """A store that takes a moment, as a real one does."""

    async def read(self) -> list[TaskEntry]:
        found = list(await super().read())
        await asyncio.sleep(0.02)
        return found


async def a_catalogue(*entries: TaskEntry) -> tuple[Catalogue, FakeCatalogue]:
    store = FakeCatalogue(*entries)
    catalogue = Catalogue(store)
    await catalogue.refresh()
    return catalogue, store


async def test_a_declared_task_is_known() -> None:
    catalogue, _ = await a_catalogue(ADD)
    assert await catalogue.get("math.add") == ADD
    assert catalogue.entries == [ADD]


async def test_a_task_that_nobody_declared_is_unknown_by_name() -> None:
    catalogue, _ = await a_catalogue()
    with pytest.raises(UnknownTask, match=r"'math\.add'"):
        await catalogue.get("math.add")


async def test_a_task_that_was_just_declared_is_found_by_the_first_who_asks() -> None:
    catalogue, store = await a_catalogue()
    store.entries = [ADD]
    assert await catalogue.get("math.add") == ADD


async def test_a_task_that_was_just_declared_is_found_by_all_who_ask_at_once() -> None:
    store = SlowCatalogue()
    catalogue = Catalogue(store)
    await catalogue.refresh()
    store.entries = [ADD]
    found = await asyncio.gather(*(catalogue.get("math.add") for _ in range(5)))
    assert found == [ADD] * 5


async def test_a_task_that_is_declared_during_a_look_is_found_by_who_asks_then() -> None:
    store = SlowCatalogue()
    catalogue = Catalogue(store)
    look = asyncio.create_task(catalogue.refresh())
    await eventually(lambda: store.reads)
    store.entries = [ADD]
    assert await catalogue.get("math.add") == ADD
    await look


async def test_asking_for_many_unknown_tasks_costs_few_reads() -> None:
    catalogue, store = await a_catalogue()
    asked = (catalogue.get(f"no.such{number}") for number in range(100))
    assert {type(e) for e in await asyncio.gather(*asked, return_exceptions=True)} == {UnknownTask}
    assert store.reads <= 2


@pytest.mark.parametrize("value", [{"x": 1}, {"x": -1, "a/b~c": []}])
async def test_an_input_that_fits_passes(value: dict[str, Any]) -> None:
    catalogue, _ = await a_catalogue(ADD)
    catalogue.check("math.add", value)


@pytest.mark.parametrize(
    ("value", "pointers"),
    [
        ({}, ["/input"]),
        ({"x": "1"}, ["/input/x"]),
        ({"x": 1, "y": 2}, ["/input"]),
        ({"x": 1, "a/b~c": ["ok", 1]}, ["/input/a~1b~0c/1"]),
        ({"x": None, "a/b~c": 1}, ["/input/a~1b~0c", "/input/x"]),
    ],
)
async def test_every_fault_of_an_input_is_told_with_its_pointer(
    value: dict[str, Any], pointers: list[str]
) -> None:
    catalogue, _ = await a_catalogue(ADD)
    with pytest.raises(InvalidInput) as refused:
        catalogue.check("math.add", value)
    assert sorted(fault.pointer for fault in refused.value.faults) == pointers


async def test_an_input_with_very_many_faults_is_refused_with_some_of_them() -> None:
    catalogue, _ = await a_catalogue(ADD)
    with pytest.raises(InvalidInput) as refused:
        catalogue.check("math.add", {"x": 1, "a/b~c": list(range(10_000))}, at="")
    assert len(refused.value.faults) == 20
    assert all(len(fault.message) <= 500 for fault in refused.value.faults)


async def test_a_new_declaration_replaces_the_old_one() -> None:
    catalogue, store = await a_catalogue(ADD)
    before = catalogue.revision
    store.entries = [replace(ADD, input_schema={"type": "object"})]
    await catalogue.refresh()
    catalogue.check("math.add", {"anything": "goes"})
    assert catalogue.revision == before + 1


async def test_without_a_change_the_revision_stays() -> None:
    catalogue, _ = await a_catalogue(ADD)
    before = catalogue.revision
    await catalogue.refresh()
    assert catalogue.revision == before


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"pattern": "("}}},
        {"type": "nonsense"},
        {"$ref": "#/$defs/not-there"},
        {"properties": {"a": {"pattern": "a\\Z"}}},
    ],
    ids=["pattern", "type", "reference", "pattern of Python's"],
)
async def test_one_task_with_a_schema_that_cannot_be_used_spoils_no_other(
    schema: dict[str, Any],
) -> None:
    catalogue, _ = await a_catalogue(with_schema("bad.one", schema), ADD)
    assert {entry.name for entry in catalogue.entries} == {"bad.one", "math.add"}
    with pytest.raises(InvalidInput):
        catalogue.check("math.add", {})
    catalogue.check("bad.one", {"a": 1})  # its worker checks
