"""Names of limits: those that are filled in from a job's input, and where a default comes from."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from shared.contracts.record import record

MOST_COST = 1_000_000
MOST_LIMITS = 10
LONGEST = 200

LimitName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=LONGEST, pattern=r"^[^\s\x00-\x1f/][^\x00-\x1f/]*$"),
]
_HOLE = re.compile(r"\{([^{}]*)\}")


class Asked(BaseModel):
    """One limit that a job takes from."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: LimitName = Field(
        description="`{field}` stands for a field of the input", examples=["github"]
    )
    cost: float = Field(default=1, gt=0, le=MOST_COST, description="tokens")


@record
class Charge:
    """What a job takes from one limit whenever it starts."""

    name: str
    cost: float = 1.0


def charges(asked: Sequence[Asked | Mapping[str, Any]]) -> tuple[Charge, ...]:
    """Return the charges of a submission or of a task; costs of one name are added."""
    total: dict[str, float] = {}
    for each in asked:
        said = each.model_dump() if isinstance(each, Asked) else each
        total[said["name"]] = total.get(said["name"], 0.0) + float(said["cost"])
    return tuple(Charge(name=name, cost=total[name]) for name in sorted(total))


def filled(charge: Charge, value: Mapping[str, Any]) -> Charge:
    """Return the charge with the holes of its name filled from the input.

    A field that is missing leaves its hole empty, so that such jobs share one limit. One that
    refers to another node's result leaves it as it is, for whoever will know the input.
    """
    if "{" not in charge.name:
        return charge
    name = _HOLE.sub(lambda hole: _text(value, hole), charge.name)
    return Charge(name=name[:LONGEST], cost=charge.cost)


def has_holes(name: str) -> bool:
    """Say whether a name is filled in from the input."""
    return _HOLE.search(name) is not None


def defaults_of(name: str) -> list[str]:
    """Return the names whose definition holds for one that has none, the nearest first."""
    parts = name.split(":")
    return [":".join([*parts[:n], "*"]) for n in range(len(parts) - 1, 0, -1)]


def _text(value: Mapping[str, Any], hole: re.Match[str]) -> str:
    found: Any = value
    for part in hole[1].split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    if isinstance(found, Mapping):
        return hole[0]
    if found is None or isinstance(found, list):
        return ""
    text = str(found).lower() if isinstance(found, bool) else str(found)
    return re.sub(r"[\x00-\x1f/]", "_", text)
