"""What a job takes from limits: as its submission says, or else its task."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import orjson

from shared.contracts.limits.names import Asked, Charge, charges, filled, has_holes


def charges_of(
    asked: Sequence[Asked] | None, declared: Sequence[Mapping[str, Any]], input_text: str
) -> tuple[Charge, ...]:
    """Return the charges of a job with this input (JSON text)."""
    found = charges(declared if asked is None else asked)
    if not any(has_holes(each.name) for each in found):
        return found
    value = orjson.loads(input_text)
    return charges([asdict(filled(each, value)) for each in found])
