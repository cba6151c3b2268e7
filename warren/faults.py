"""Turns what pydantic says about an input into pointers and sentences."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from warren.errors import Fault
from warren.json_limits import LARGEST

_MOST = 100


def faults_of(error: ValidationError, value: object) -> list[Fault]:
    """What is wrong with the value, as JSON Pointers into it and messages."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [
        {"pointer": _pointer(fault["loc"], value, fault["type"]), "message": fault["msg"]}
        for fault in found[:_MOST]
    ]


def without_integral_floats(value: Any) -> Any:
    """The value with 1.0 written as 1, wherever a float is a whole number of 64 bits."""
    if isinstance(value, dict):
        return {key: without_integral_floats(child) for key, child in value.items()}
    if isinstance(value, list):
        return [without_integral_floats(child) for child in value]
    if isinstance(value, float) and value.is_integer() and abs(value) <= LARGEST:
        return int(value)
    return value


def _pointer(loc: tuple[int | str, ...], value: Any, kind: str) -> str:
    # pydantic also names the branches of unions on the way; only steps into the value are kept.
    pointer = ""
    for step in loc:
        if _leads_into(value, step):
            value = value[step]
        elif not (kind == "missing" and step == loc[-1]):
            continue
        pointer += "/" + str(step).replace("~", "~0").replace("/", "~1")
    return pointer


def _leads_into(value: Any, step: int | str) -> bool:
    if isinstance(value, list):
        return isinstance(step, int) and step < len(value)
    return isinstance(value, dict) and step in value
