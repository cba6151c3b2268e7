"""From a function's parameters to a schema, and from an input to arguments."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Optional
from uuid import UUID

import pytest
from pydantic import BaseModel, Field

from tests.unit.warren.sample_tasks import add, count, count_in_a_thread
from warren import InvalidInput, Job, Unserialisable, task
from warren.recorder import Recorder


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Size(BaseModel):
    width: int = Field(alias="w", ge=1)
    height: float = 1.5


class NotJson:
    """A class that pydantic knows nothing of."""


def declared(fn: Callable[..., Any]) -> Any:
    return task(name="t.f")(fn)


def faults(fn: Callable[..., Any], value: object) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as caught:
        declared(fn).validate(value)
    return [(fault["pointer"], fault["message"]) for fault in caught.value.errors]


def test_parameters_become_properties_with_their_docs_and_defaults() -> None:
    schema = add.input_schema()
    assert schema["type"] == "object"
    assert schema["required"] == ["x"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["x"] == {
        "type": "integer",
        "title": "X",
        "description": "the first of them",
    }
    assert schema["properties"]["y"]["default"] == 3


def test_parameters_may_be_described_as_sphinx_does() -> None:
    def send(to: str, copies: int = 1) -> None:
        """Send a letter.

        :param to: who gets it
        :param int copies: how many
        :returns: nothing
        """

    properties = declared(send).input_schema()["properties"]
    assert properties["to"]["description"] == "who gets it"
    assert properties["copies"]["description"] == "how many"


def test_a_task_without_parameters_takes_an_empty_object() -> None:
    def nothing() -> None: ...

    assert declared(nothing).input_schema()["properties"] == {}
    assert declared(nothing).validate({}) == {}
    assert declared(nothing).output_schema() == {"type": "null"}


def test_without_annotations_anything_goes() -> None:
    def free(x, y=None): ...  # type: ignore[no-untyped-def]

    assert declared(free).validate({"x": [1, {"a": None}]}) == {"x": [1, {"a": None}]}
    assert declared(free).output_schema() == {}


def test_the_output_schema_is_that_of_the_result_as_it_is_written() -> None:
    def sizes() -> list[Size]:
        return []

    schema = declared(sizes).output_schema()
    assert schema["items"] == {"$ref": "#/$defs/Size"}
    assert list(schema["$defs"]["Size"]["properties"]) == ["w", "height"]


def test_the_job_is_no_part_of_the_input() -> None:
    assert list(count.input_schema()["properties"]) == ["to"]
    assert count.validate({"to": 2}) == {"to": 2}


def test_the_job_is_found_in_every_way_to_write_its_type() -> None:
    def union(job: Job | None = None) -> None: ...
    def optional(job: Optional[Job], x: int) -> None: ...  # noqa: UP045 - that way is meant
    def annotated(x: int, *, my_job: Annotated[Job, "mine"]) -> None: ...
    def quoted(job: "Job") -> None: ...  # noqa: UP037 - that way is meant

    for fn in (union, optional, annotated, quoted):
        assert "job" not in str(declared(fn).input_schema()["properties"]).lower()


def test_the_job_is_added_to_the_arguments_where_it_is_asked_for() -> None:
    job = Job(id="1", attempt=1, input={}, port=Recorder())
    assert count_in_a_thread.arguments({"to": 1}, job) == {"to": 1, "job": job}
    assert add.arguments({"x": 1}, job) == {"x": 1}


def test_two_jobs_are_refused() -> None:
    def both(a: Job, b: Job) -> None: ...

    with pytest.raises(TypeError, match="asks for the Job twice: a, b"):
        declared(both)


def test_parameters_may_have_names_that_pydantic_keeps_for_itself() -> None:
    def odd(model_config: int, schema: int, _hidden: int, copy: int) -> None: ...

    value = {"model_config": 1, "schema": 2, "_hidden": 3, "copy": 4}
    assert declared(odd).validate(value) == value
    assert list(declared(odd).input_schema()["properties"]) == list(value)


def test_a_type_from_further_down_the_module_is_found_at_first_use() -> None:
    assert later.validate({"x": {"a": 1}}) == {"x": Later(a=1)}


@task
def later(x: Later) -> Later:
    return x


class Later(BaseModel):
    a: int


def test_parameters_without_a_name_are_refused() -> None:
    def many(*xs: int) -> None: ...
    def any_(**xs: int) -> None: ...
    def unnamed(x: int, /) -> None: ...

    for fn in (many, any_, unnamed):
        with pytest.raises(TypeError, match="each parameter needs a name of its own"):
            declared(fn)


def test_types_that_cannot_come_from_json_are_refused_at_declaration() -> None:
    def takes(x: NotJson) -> None: ...
    def gives() -> NotJson:
        return NotJson()

    def calls(x: Callable[[], int]) -> None: ...

    for fn in (takes, gives, calls):
        with pytest.raises(TypeError, match=r"task 't\.f'"):
            declared(fn)


def test_field_as_a_default_is_refused_with_the_way_out() -> None:
    def limited(x: int = Field(3, ge=1)) -> None: ...

    with pytest.raises(TypeError, match="Annotated"):
        declared(limited)


def test_rules_in_the_annotation_hold() -> None:
    def limited(x: Annotated[int, Field(ge=1, description="at least one")] = 1) -> None: ...

    assert declared(limited).input_schema()["properties"]["x"]["minimum"] == 1
    assert faults(limited, {"x": 0}) == [("/x", "Input should be greater than or equal to 1")]


def test_json_becomes_what_the_annotations_say() -> None:
    def rich(
        at: datetime,
        day: date,
        id_: UUID,
        colour: Colour,
        price: Decimal,
        size: Size,
        names: set[str],
        maybe: int | None,
        by_day: dict[date, int],
        number: float,
    ) -> None: ...

    value = {
        "at": "2026-01-02T03:04:05Z",
        "day": "2026-01-02",
        "id_": "c9bf9e57-1685-4c89-bafb-ff5af830be8a",
        "colour": "red",
        "price": "1.50",
        "size": {"w": 3},
        "names": ["a", "b"],
        "maybe": None,
        "by_day": {"2026-01-02": 1},
        "number": 1,
    }
    assert declared(rich).validate(value) == {
        "at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "day": date(2026, 1, 2),
        "id_": UUID("c9bf9e57-1685-4c89-bafb-ff5af830be8a"),
        "colour": Colour.RED,
        "price": Decimal("1.50"),
        "size": Size(w=3),
        "names": {"a", "b"},
        "maybe": None,
        "by_day": {date(2026, 1, 2): 1},
        "number": 1.0,
    }


def test_an_integer_may_be_written_as_one_point_zero_as_in_json_schema() -> None:
    def deep(x: int, size: Size) -> None: ...

    value = {"x": 2.0, "size": {"w": 3.0, "height": 2.5}}
    arguments = declared(deep).validate(value)
    assert arguments == {"x": 2, "size": Size(w=3, height=2.5)}
    assert type(arguments["x"]) is int


@pytest.mark.parametrize("wrong", ["5", True, 1.5, None, [1], {}])
def test_nothing_is_bent_into_an_integer(wrong: object) -> None:
    assert faults(add.fn, {"x": wrong})[0][0] == "/x"


def test_faults_point_into_the_input() -> None:
    def deep(sizes: list[Size], either: int | str = 1) -> None: ...

    assert faults(deep, {"sizes": [{"w": 1}, {"w": "x"}]}) == [
        ("/sizes/1/w", "Input should be a valid integer")
    ]
    assert faults(deep, {"sizes": [], "either": []})[0][0] == "/either"
    assert faults(deep, {}) == [("/sizes", "Field required")]
    assert faults(deep, {"sizes": [], "a/b~": 1}) == [("/a~1b~0", "Extra inputs are not permitted")]
    assert faults(deep, [1]) == [("", "must be an object")]


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), 2**63, "\ud800"])
def test_what_is_not_json_is_no_input(wrong: object) -> None:
    def anything(x: Any) -> None: ...

    assert faults(anything, {"x": wrong})[0][0] == ""


def test_omitted_parameters_are_left_to_the_function() -> None:
    assert add.validate({"x": 1}) == {"x": 1}


def test_a_call_becomes_the_input_that_means_it() -> None:
    def rich(at: datetime, size: Size, tags: tuple[str, ...] = ()) -> None: ...

    bound = declared(rich).bind(datetime(2026, 1, 2, tzinfo=UTC), size=Size(w=3), tags=("a",))
    assert bound == {
        "at": "2026-01-02T00:00:00Z",
        "size": {"w": 3, "height": 1.5},
        "tags": ["a"],
    }
    assert declared(rich).validate(bound)["size"] == Size(w=3)


def test_a_call_that_the_function_would_refuse_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match=r"task 'sample_tasks\.add' missing .* 'x'"):
        add.bind()
    with pytest.raises(TypeError, match=r"'sample_tasks\.add' got an unexpected keyword .* 'z'"):
        add.bind(1, z=1)


def test_a_call_with_wrong_values_is_refused_here_and_now() -> None:
    with pytest.raises(InvalidInput, match="/x"):
        add.bind("1")
    with pytest.raises(Unserialisable, match="object"):
        add.bind(object())
