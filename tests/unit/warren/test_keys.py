"""The key of a task is checked against what the task takes, where it is written."""

from typing import Any

import pytest
from pydantic import BaseModel

from warren import task


class Order(BaseModel):
    """What is scored."""

    customer: int
    lines: list[str] = []


def a_task(**options: Any) -> Any:
    @task(name="t.f", **options)
    def f(customer_id: int, order: Order, region: str = "eu") -> None: ...

    return f


@pytest.mark.parametrize(
    "key",
    [
        "customer:{customer_id}",
        "{order.customer}",
        "{region}:{customer_id}",
        "plain",
        ["{region}", "x"],
    ],
)
def test_a_template_names_what_the_input_has(key: Any) -> None:
    assert a_task(key=key).key == ((key,) if isinstance(key, str) else tuple(key))


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("customer:{customer}", "needs 'customer'; it takes customer_id, order, region"),
        ("{order.id}", "needs 'order.id'; it takes customer, lines"),
        ("{order}", "needs a text or a number, not 'order'"),
        ("{order.lines}", "needs a text or a number"),
        ("{}", "is no template"),
        ("{customer_id!r}", "is no template"),
        ("{customer_id", "is no template"),
        ("", "must be a text"),
        (["k"] * 9, "up to 8 texts"),
    ],
)
def test_a_template_that_no_input_can_fill_is_refused(key: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("(", r"\(")):
        a_task(key=key)


def test_what_is_about_a_key_needs_one_and_fits() -> None:
    full = a_task(key="k", key_limit=2, when_busy="fail", key_max_waiting=10)
    assert (full.key_limit, full.when_busy, full.key_max_waiting) == (2, "fail", 10)
    for wrong in ({"key_limit": 0}, {"when_busy": "never"}, {"key_max_waiting": 0.5}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            a_task(key="k", **wrong)
    with pytest.raises(ValueError, match="mean nothing without key="):
        a_task(key_limit=2)
