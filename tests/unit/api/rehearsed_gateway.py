"""A gateway whose services are away: enough for documents, pages and whatever is refused early."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

from api.catalogue import Catalogue
from api.main import create_app
from api.parts import Parts
from shared.contracts.catalogue import TaskEntry
from shared.contracts.pauses import Paused
from shared.infrastructure.settings import GatewaySettings
from shared.infrastructure.task_catalogue import TaskCatalogue

ADD = TaskEntry(
    name="math.add",
    queue="math",
    execution="loop",
    doc="Add two integers.\n\nNothing more.",
    timeout_s=30,
    input_schema={
        "type": "object",
        "properties": {"x": {"type": "integer"}, "y": {"type": "integer"}},
        "required": ["x", "y"],
        "additionalProperties": False,
    },
    output_schema={"type": "integer"},
    examples=({"x": 1, "y": 2},),
)
TREE = TaskEntry(
    name="tree.depth",
    queue="default",
    execution="thread",
    input_schema={
        "type": "object",
        "properties": {"root": {"$ref": "#/$defs/Node"}},
        "$defs": {
            "Node": {
                "type": "object",
                "properties": {"$ref": {"type": "string"}, "left": {"$ref": "#/$defs/Node"}},
                "default": {"$ref": "#/$defs/Node"},
            }
        },
    },
    output_schema={"type": "integer"},
)


class Declared:
    """Stands where the catalogue is read from MongoDB."""

    def __init__(self, *entries: TaskEntry) -> None:
        self.entries = list(entries)

    async def read(self) -> list[TaskEntry]:
        return self.entries


def rehearsed_app(declared: Declared, *, keys_needed: bool = False) -> Any:
    """Return a gateway that knows these tasks."""

    @asynccontextmanager
    async def parts() -> AsyncIterator[Parts]:
        catalogue = Catalogue(cast(TaskCatalogue, declared))
        await catalogue.refresh()
        settings = GatewaySettings.model_validate(
            {"rabbit_url": "amqp://nowhere", "mongo_url": "mongodb://nowhere"}
        )
        held = SimpleNamespace(paused=Paused())
        parts = {"catalogue": catalogue, "settings": settings, "keys": _Keys(), "held": held}
        yield cast(Parts, SimpleNamespace(**parts))

    class _Keys:
        needed = keys_needed

        def check_request(self, *_: object) -> str:
            return ""

    return create_app(parts)
