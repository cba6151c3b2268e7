"""Arithmetic, for the tour and the benchmark."""

from warren import task


@task(queue="math", examples=[{"x": 1, "y": 2}])
async def add(x: int, y: int) -> int:
    """Add two integers."""
    return x + y
