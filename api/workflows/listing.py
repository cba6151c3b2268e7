"""Listing workflows and their nodes: filters, and page tokens that belong to one list."""

from collections.abc import Collection
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from api.listing import Paged, Word, created_between, next_token, read_place
from shared.contracts.errors import BadPageToken
from shared.contracts.instants import Instant
from shared.infrastructure.workflow.overview import Place

WorkflowStatus = Literal["running", "succeeded", "failed", "cancelled"]


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


_ONE = {"type": "string", "enum": ["running", "succeeded", "failed", "cancelled"]}
Statuses = Annotated[
    list[WorkflowStatus],
    BeforeValidator(_listed),
    WithJsonSchema({"anyOf": [{"type": "array", "items": _ONE}, _ONE]}),
]


class WorkflowQuery(Paged):
    """The query parameters of a list of workflows; absent fields fit every one."""

    status: Statuses = Field(
        default_factory=list, description="one, or several of which one must fit"
    )
    tag: Word | None = None
    created_after: Instant | None = None
    created_before: Instant | None = None
    order: Literal["-created_at", "created_at"] = "-created_at"


def workflow_filters(query: WorkflowQuery) -> dict[str, Any]:
    """Return what matches these workflows in the store."""
    filters: dict[str, Any] = {}
    if query.status:
        filters["status"] = {"$in": sorted(set(query.status))}
    if query.tag is not None:
        filters["tags"] = query.tag
    if created := created_between(query.created_after, query.created_before):
        filters["_id"] = created
    return filters


def next_node_token(query: Paged, last: Place) -> str:
    """Return the token of the page of nodes behind this place."""
    return next_token(query, f"{last.n} {last.graph}")


def read_node_place(query: Paged, graphs: Collection[str]) -> Place:
    """Return the place behind which the page of a token begins; raise BadPageToken."""
    n, _, graph = read_place(query).partition(" ")
    if graph not in graphs or not n.isdigit():
        raise BadPageToken("this page_token does not belong to the nodes of this workflow")
    return Place(graph, int(n))
