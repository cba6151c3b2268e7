"""Listing jobs: filters from the query, and page tokens that belong to one query (AIP-158)."""

import base64
import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from shared.contracts.errors import BadPageToken, Fault, InvalidInput
from shared.contracts.ids import first_id_at, is_id
from shared.contracts.job import Status


def _not_a_number(value: Any) -> Any:
    """Refuse what a lenient parser would take for seconds since 1970."""
    if isinstance(value, str) and value.replace(".", "", 1).lstrip("+-").isdigit():
        raise ValueError("send an RFC 3339 instant such as 2026-01-31T12:00:00Z")
    return value


Instant = Annotated[AwareDatetime, BeforeValidator(_not_a_number)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class ListQuery(BaseModel):
    """The query parameters of a list."""

    model_config = ConfigDict(extra="forbid")

    status: Status | None = None
    task: Word | None = None
    queue: Word | None = None
    tag: Word | None = None
    error: Word | None = Field(default=None, description="the type of the job's error")
    q: Word | None = Field(
        default=None, description="text in the id, the input, the result or the error message"
    )
    created_after: Instant | None = None
    created_before: Instant | None = None
    order: Literal["-created_at", "created_at"] = "-created_at"
    page_size: int = Field(default=50, ge=1, description="values above 500 count as 500")
    page_token: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """What the store is asked for."""

    filters: dict[str, Any]
    newest_first: bool
    after: str | None


def page_query(query: ListQuery) -> Page:
    """Return what to ask the store for; raise BadPageToken or InvalidInput."""
    filters: dict[str, Any] = {
        name: value
        for name, value in (
            ("status", query.status and query.status.value),
            ("task", query.task),
            ("queue", query.queue),
            ("tags", query.tag),
            ("error.type", query.error),
        )
        if value is not None
    }
    if created := _created(query.created_after, query.created_before):
        filters["_id"] = created
    if query.q is not None:
        if "\0" in query.q:
            raise InvalidInput([Fault("/query/q", "a search cannot hold a NUL character")])
        text = {"$regex": re.escape(query.q), "$options": "i"}
        places = ("_id", "input", "result", "error.message")
        filters["$or"] = [{place: text} for place in places]
    after = None if query.page_token is None else _read_token(query)
    return Page(filters, query.order == "-created_at", after)


def next_token(query: ListQuery, last_id: str) -> str:
    """Return the token of the page behind `last_id` of this query."""
    return base64.urlsafe_b64encode(f"{_digest(query)}{last_id}".encode()).decode().rstrip("=")


def _read_token(query: ListQuery) -> str:
    token = query.page_token or ""
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
    except ValueError:
        text = ""
    digest, last_id = text[:16], text[16:]
    if digest != _digest(query) or not is_id(last_id):
        raise BadPageToken("this page_token does not belong to a list with these filters")
    return last_id


def _digest(query: ListQuery) -> str:
    asked = query.model_dump_json(exclude={"page_token", "page_size"})
    return hashlib.sha256(asked.encode()).hexdigest()[:16]


def _created(after: datetime | None, before: datetime | None) -> dict[str, str]:
    bounds = {}
    if after is not None:
        bounds["$gte"] = first_id_at(after)
    if before is not None:
        bounds["$lt"] = first_id_at(before)
    return bounds
