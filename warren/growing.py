"""What a task gets when its job grows: where the new graph is."""

from __future__ import annotations

from collections.abc import Awaitable, Generator, Mapping
from typing import TYPE_CHECKING, Any, TypedDict

from pydantic_core import from_json

from warren.outcome import to_json

if TYPE_CHECKING:
    from warren.canvas.signature import Part


class SpawnOptions(TypedDict):
    """How a graph is to be spawned; see `Job.spawn`."""

    wait: bool
    join: bool
    name: str | None


class Planted(TypedDict):
    """Where a graph stands: its workflow, and the ids of its nodes' jobs by their names."""

    workflow_id: str
    nodes: dict[str, str]


class Spawned:
    """A graph that grew from a job. In `async def` tasks await it before you look."""

    def __init__(self, planted: Planted | Awaitable[Planted]) -> None:
        self._planted = planted

    def __await__(self) -> Generator[Any, None, Spawned]:
        if isinstance(self._planted, Awaitable):
            self._planted = yield from self._planted.__await__()
        return self

    @property
    def workflow_id(self) -> str:
        """The workflow that it belongs to: that of its job, or one of its own."""
        return self._known["workflow_id"]

    @property
    def nodes(self) -> dict[str, str]:
        """The ids of the jobs of its nodes, by the nodes' names."""
        return self._known["nodes"]

    @property
    def _known(self) -> Planted:
        if isinstance(self._planted, Awaitable):
            raise RuntimeError("not known yet: write `spawned = await job.spawn(...)`")
        return self._planted


def graph_of(part: Part | Mapping[str, Any]) -> dict[str, Any]:
    """The document of what is to grow: of a task, a signature, or a document as it is."""
    if isinstance(part, Mapping):
        return _plain(dict(part))
    # Reporting, which is most of what a job does, needs no canvas.
    from warren.canvas.signature import signature_of  # noqa: PLC0415

    return _plain(signature_of(part).document())


def _plain(document: dict[str, Any]) -> dict[str, Any]:
    graph: dict[str, Any] = from_json(to_json(document))
    return graph
