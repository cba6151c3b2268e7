"""The tasks that the signatures of these tests are made of."""

from typing import Any

from warren import task


@task(name="sums.add")
def add(x: int, y: int) -> int:
    return x + y


@task(name="sums.identity")
def identity(x: Any) -> Any:
    return x


@task(name="sums.total")
def total(numbers: list[Any]) -> int:
    return sum(numbers)


@task(name="sums.fail")
def fail(x: Any = None) -> None:
    raise ValueError("as it should")


@task(name="sums.tell")
def tell(what: Any) -> None: ...


@task(name="sums.now")
def now() -> int:
    return 1


TASKS = {each.name: each for each in (add, identity, total, fail, tell, now)}
