"""What makes two submissions equal, as clients and tasks say it: the fields and their slot.

A slot is the name of a call. One job at a time holds it, and equal submissions find that job.
"""

import re
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, WrapValidator
from pydantic_core import PydanticCustomError

from shared.contracts.errors import Fault, InvalidInput
from shared.contracts.job import Job

_YEAR_S = 366 * 24 * 3600
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")

Dimension = Annotated[
    str, Field(pattern=r"^(task|queue|key|tags|(input|metadata)(\.[^.]{1,100}){0,8})$")
]
Replaceable = Literal[
    "input",
    "priority",
    "run_at",
    "expires_at",
    "timeout_s",
    "soft_timeout_s",
    "retry",
    "tags",
    "metadata",
]


class Cache(BaseModel):
    """How an equal call may be answered without a run of its own."""

    model_config = ConfigDict(extra="forbid", strict=True)

    ttl_s: float = Field(ge=0, le=_YEAR_S, description="how old a stored result may be")
    key: str | None = Field(
        default=None,
        min_length=1,
        max_length=500,
        description="calls of the task with the same key are equal; default: with the same input",
    )
    stale_s: float = Field(
        default=0,
        ge=0,
        le=_YEAR_S,
        description="for so much longer the old result is the answer while a run makes a new one",
    )
    failures: bool = Field(default=False, description="a job that failed is an answer too")


def _period(value: Any, handler: Callable[[Any], Any], _: ValidationInfo) -> Any:
    """Say what is wrong in one sentence, not one for each kind of value."""
    try:
        return handler(value)
    except ValidationError:
        said = "takes 'incomplete', 'successful' or a number of seconds above 0"
        raise PydanticCustomError("period", said) from None


Period = Annotated[
    Literal["incomplete", "successful"] | Annotated[float, Field(gt=0, le=_YEAR_S)],
    WrapValidator(_period),
]


class Unique(BaseModel):
    """When an earlier job stands in for this one."""

    model_config = ConfigDict(extra="forbid", strict=True)

    for_: Period = Field(
        default="incomplete",
        alias="for",
        description="an earlier job counts: `incomplete` until it ends, `successful` also once it "
        "has succeeded, a number so many seconds from its submission",
    )
    by: list[Dimension] = Field(
        default=["task", "input"],
        min_length=1,
        max_length=20,
        description="what must be the same: `task`, `queue`, `key`, `tags`, `input`, `metadata`, "
        "or a member of the last two, as in `input.customer.id`",
    )
    replace: list[Replaceable] = Field(
        default=[], description="fields that an earlier job takes over unless it has started"
    )


def cache_slot(task: str, key: str | None, value: Any) -> str:
    """Return the slot of a call that may be answered from the cache."""
    return f"{cache_slots_of(task)}{_digest(['key', key] if key is not None else ['input', value])}"


def cache_slots_of(task: str) -> str:
    """Return what the slots of all cached calls of a task begin with."""
    return f"c:{_digest(task)}:"


def unique_slot(job: Job, by: Sequence[str], value: Any, *, kind: str = "u") -> str:
    """Return the slot of a job that is to be the only one, by these dimensions."""
    return f"{kind}:{_digest([[name, _part(job, name, value)] for name in sorted(set(by))])}"


def filled(template: str, value: Any) -> str:
    """Return a key with members of the input in place of `{name}`; raise InvalidInput."""

    def member(found: re.Match[str]) -> str:
        path = found[1].split(".")
        there = _member(value, path)
        if there is None:
            pointer = "".join(f"/{name}" for name in path)
            raise InvalidInput([Fault(f"/input{pointer}", f"is needed for the key {template!r}")])
        return there if isinstance(there, str) else orjson.dumps(there, option=_SORTED).decode()

    return _PLACEHOLDER.sub(member, template)


def _part(job: Job, name: str, value: Any) -> Any:
    root, *path = name.split(".")
    if root == "input":
        return _member(value, path)
    if root == "metadata":
        return _member(orjson.loads(job.metadata), path)
    several = {"tags": job.tags, "key": job.keys}
    return sorted(several[root]) if root in several else getattr(job, root)


def _member(value: Any, path: Sequence[str]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


_SORTED = orjson.OPT_SORT_KEYS


def _digest(value: Any) -> str:
    """Return the same text for equal JSON values, whatever the order of their members."""
    return blake2b(orjson.dumps(value, option=_SORTED), digest_size=16).hexdigest()
