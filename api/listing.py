"""Listing jobs: filters from the query, and page tokens that belong to one query (AIP-158)."""

import base64
import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)

from shared.contracts.errors import BadPageToken, Fault, InvalidInput
from shared.contracts.ids import first_id_at, is_id
from shared.contracts.instants import Instant
from shared.contracts.moves import Status

Word = Annotated[str, StringConstraints(min_length=1, max_length=200)]


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


_ONE = {"type": "string", "enum": [each.value for each in Status]}
Statuses = Annotated[
    list[Status],
    BeforeValidator(_listed),
    WithJsonSchema({"anyOf": [{"type": "array", "items": _ONE}, _ONE]}),
]


class JobSearch(BaseModel):
    """Which jobs are meant; absent fields fit every job."""

    model_config = ConfigDict(extra="forbid")

    status: Statuses = Field(
        default_factory=list, description="one, or several of which one must fit"
    )
    task: Word | None = None
    queue: Word | None = None
    tag: Word | None = None
    key: Word | None = None
    schedule_id: Word | None = None
    workflow_id: Word | None = None
    error: Word | None = Field(default=None, description="the type of the job's error")
    q: Word | None = Field(
        default=None, description="text in the id, the input, the result or the error message"
    )
    created_after: Instant | None = None
    created_before: Instant | None = None


class Paged(BaseModel):
    """How a list is cut into pages."""

    model_config = ConfigDict(extra="forbid")

    page_size: int = Field(default=50, ge=1, description="values above 500 count as 500")
    page_token: str | None = None


class ListQuery(JobSearch, Paged):
    """The query parameters of a list."""

    order: Literal["-created_at", "created_at"] = "-created_at"


@dataclass(frozen=True, slots=True)
class Page:
    """What the store is asked for."""

    filters: dict[str, Any]
    newest_first: bool
    after: str | None


def page_query(query: ListQuery) -> Page:
    """Return what to ask the store for; raise BadPageToken or InvalidInput."""
    after = None if query.page_token is None else read_token(query)
    return Page(filters_of(query, at="/query"), query.order == "-created_at", after)


def filters_of(search: JobSearch, *, at: str) -> dict[str, Any]:
    """Return what matches these jobs in the store; `at` is where the search stands."""
    filters: dict[str, Any] = {
        name: value
        for name, value in (
            ("task", search.task),
            ("queue", search.queue),
            ("tags", search.tag),
            ("keys", search.key),
            ("schedule_id", search.schedule_id),
            ("workflow_id", search.workflow_id),
            ("error.type", search.error),
        )
        if value is not None
    }
    if search.status:
        filters["status"] = {"$in": sorted(set(search.status))}
    if created := created_between(search.created_after, search.created_before):
        filters["_id"] = created
    if search.q is not None:
        if "\0" in search.q:
            raise InvalidInput([Fault(f"{at}/q", "a search cannot hold a NUL character")])
        text = {"$regex": re.escape(search.q), "$options": "i"}
        places = ("_id", "input", "result", "error.message")
        filters["$or"] = [{place: text} for place in places]
    return filters


def next_token(query: Paged, last_id: str) -> str:
    """Return the token of the page behind `last_id` of this query."""
    return base64.urlsafe_b64encode(f"{_digest(query)}{last_id}".encode()).decode().rstrip("=")


def read_token(query: Paged) -> str:
    """Return the id behind which the page of a query's token begins; raise BadPageToken."""
    last_id = read_place(query)
    if not is_id(last_id):
        raise _not_ours()
    return last_id


def read_place(query: Paged) -> str:
    """The same for lists whose places are not ids."""
    token = query.page_token or ""
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
    except ValueError:
        text = ""
    digest, last_id = text[:16], text[16:]
    if digest != _digest(query):
        raise _not_ours()
    return last_id


def _not_ours() -> BadPageToken:
    return BadPageToken("this page_token does not belong to a list with these filters")


def _digest(query: Paged) -> str:
    asked = query.model_dump_json(exclude={"page_token", "page_size"})
    return hashlib.sha256(asked.encode()).hexdigest()[:16]


def created_between(after: datetime | None, before: datetime | None) -> dict[str, str]:
    """Return the bounds of the ids of what was created in between."""
    bounds = {}
    if after is not None:
        bounds["$gte"] = first_id_at(after)
    if before is not None:
        bounds["$lt"] = first_id_at(before)
    return bounds
