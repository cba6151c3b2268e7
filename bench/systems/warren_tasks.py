"""The one task of the workflows that Warren does not bring along."""

from warren import task


@task(name="bench.total", queue="math")
async def total(numbers: list[int]) -> int:
    return sum(numbers)
