"""A submission becomes a workflow that may be stored: its fields, labels, times, and inputs."""

from datetime import timedelta
from typing import Any

import pytest

from shared.contracts.catalogue import TaskEntry
from shared.contracts.errors import Fault
from shared.contracts.moves import Status
from shared.contracts.workflow.drafting import Draft, pointer_of, read_draft
from shared.contracts.workflow.faults import InvalidWorkflow
from shared.contracts.workflow.fitting import Fitting
from shared.contracts.workflow.reading import read_graph
from tests.builders import NOON

ADD = TaskEntry(
    name="math.add",
    queue="math",
    execution="loop",
    timeout_s=30,
    input_schema={
        "type": "object",
        "properties": {"x": {"type": "integer"}, "y": {"type": "integer"}},
        "required": ["x", "y"],
        "additionalProperties": False,
    },
    output_schema={"type": "integer"},
)
ANY = TaskEntry(name="any.thing", queue="any", execution="loop", input_schema={}, output_schema={})
SUM = {"task": "math.add", "input": {"x": 1, "y": 2}}


def draft(nodes: dict[str, Any], **fields: Any) -> Draft:
    """Read a submission."""
    value = {"nodes": nodes, **fields}
    entries = {"math.add": ADD, "any.thing": ANY}
    return read_draft(value, read_graph(value), entries, Fitting(), now=NOON)


def faults(nodes: dict[str, Any], **fields: Any) -> list[Fault]:
    """Read a submission that is refused."""
    with pytest.raises(InvalidWorkflow) as caught:
        draft(nodes, **fields)
    return caught.value.faults


def test_jobs_of_nodes_have_what_their_task_and_they_themselves_say() -> None:
    read = draft({"a": SUM, "b": {**SUM, "priority": 9, "queue": "other"}})
    a, b = (read.job_of(node, f"id-{node.name}") for node in read.graph.nodes)
    assert (a.id, a.queue, a.priority, a.timeout_s) == ("id-a", "math", 5, 30)
    assert (b.id, b.queue, b.priority, b.timeout_s) == ("id-b", "other", 9, 30)


def test_nodes_without_fields_share_one_template() -> None:
    read = draft({f"n{i}": SUM for i in range(5)})
    assert (list(read.plain), read.templates) == (["math.add"], {})


def test_labels_of_the_whole_lie_under_those_of_each_node() -> None:
    own = {**SUM, "tags": ["own", "all"], "metadata": {"k": 1}}
    read = draft({"a": own, "b": SUM}, tags=["all"], metadata={"k": 0, "m": 2})
    a, b = (read.job_of(node, "id") for node in read.graph.nodes)
    assert (a.tags, a.metadata) == (("own", "all"), '{"k":1,"m":2}')
    assert (b.tags, b.metadata) == (("all",), '{"k":0,"m":2}')


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, None),
        ({"delay_s": 5}, NOON + timedelta(seconds=5)),
        ({"run_at": "2026-06-01T12:00:05Z"}, NOON + timedelta(seconds=5)),
        ({"run_at": "2020-01-01T00:00:00Z"}, None),
    ],
)
def test_the_whole_may_have_a_time_before_which_nothing_runs(
    fields: dict[str, Any], expected: Any
) -> None:
    assert draft({"a": SUM}, **fields).run_at == expected


def test_a_time_that_has_passed_is_no_gate() -> None:
    read = draft({"a": {**SUM, "run_at": "2020-01-01T00:00:00Z"}})
    job = read.job_of(read.graph.nodes[0], "id")
    assert (job.run_at, job.status) == (None, Status.QUEUED)


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str, str]] = {
    "two times": (
        {"a": SUM},
        {"run_at": "2027-01-01T00:00:00Z", "delay_s": 1},
        "/delay_s",
        "either",
    ),
    "an unknown member": ({"a": SUM}, {"colour": 1}, "/colour", "no such field"),
    "an expiry before the time of the whole": (
        {"a": {**SUM, "expires_in_s": 5}},
        {"delay_s": 60},
        "/nodes/a",
        "would expire before",
    ),
    "a value with fields": (
        {"a": {"value": 1, "priority": 2}},
        {},
        "/nodes/a/priority",
        "runs nothing",
    ),
    "a hook's task": (
        {"a": SUM},
        {"on_success": {"task": "no.such"}},
        "/on_success/task",
        "no worker",
    ),
    "one of several hooks": (
        {"a": {**SUM, "on_failure": [SUM, {"task": "no.such"}]}},
        {},
        "/nodes/a/on_failure/1/task",
        "no worker",
    ),
    "a whole input": (
        {"a": {"task": "math.add", "input": {"x": 1}}},
        {},
        "/nodes/a/input",
        "required",
    ),
    "a part of an input": (
        {"a": SUM, "b": {"task": "math.add", "input": {"x": {"$from": "a"}, "y": "no"}}},
        {},
        "/nodes/b/input/y",
        "not of type",
    ),
    "an escaped literal": (
        {"a": {"task": "math.add", "input": {"x": {"$literal": {"$from": "a"}}, "y": 1}}},
        {},
        "/nodes/a/input/x",
        "not of type",
    ),
    "too much": (
        {"a": {"task": "any.thing", "input": {"x": "x" * 5_000_000}}},
        {},
        "/nodes/a/input",
        "bytes",
    ),
}


@pytest.mark.parametrize(("nodes", "fields", "pointer", "why"), REFUSED.values(), ids=list(REFUSED))
def test_a_fault_stands_where_it_was_made(
    nodes: dict[str, Any], fields: dict[str, Any], pointer: str, why: str
) -> None:
    [fault] = faults(nodes, **fields)
    assert fault.pointer == pointer
    assert why in fault.message


def test_an_input_that_comes_whole_from_another_node_is_checked_when_it_is_there() -> None:
    assert draft({"a": SUM, "b": {"task": "math.add", "input": {"$from": "a"}}}).graph.nodes


def test_elements_that_are_known_are_checked_each() -> None:
    node = {"task": "math.add", "input": {"x": {"$item": "/0"}, "y": {"$item": "/1"}}}
    found = faults({"a": {**node, "foreach": [[1, 2], [3], [4, "five"]]}})
    assert [fault.pointer for fault in found] == ["/nodes/a/foreach/1", "/nodes/a/foreach/2"]
    assert "there is no element '1'" in found[0].message


def test_a_name_is_found_where_it_stands() -> None:
    value = {"nodes": {"a": {"on_failure": {}, "on_success": [{}, {}]}}, "on_success": [{}]}
    assert pointer_of("a", value) == "/nodes/a"
    assert pointer_of("a:on_failure", value) == "/nodes/a/on_failure"
    assert pointer_of("a:on_success.1", value) == "/nodes/a/on_success/1"
    assert pointer_of(":on_success", value) == "/on_success/0"
