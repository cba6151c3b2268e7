"""Keys: what a job and its task say of the lanes in which it has to stand, and what that means."""

import re
from collections.abc import Mapping, Sequence
from string import Formatter
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, BeforeValidator, Field, StringConstraints, WithJsonSchema

from shared.contracts.catalogue import TaskEntry
from shared.contracts.errors import Fault, InvalidInput

WhenBusy = Literal["wait", "drop_new", "cancel_running", "fail"]

LONGEST = 200
"""How many characters a key has at most."""

MOST_KEYS = 8
"""How many keys one job has at most."""

MOST_LIMIT = 1000
"""How many jobs of a key may run at once at most, whatever is asked for."""

MOST_CAP = 10_000
"""The largest cap on the jobs that wait for a key: each submission counts up to it."""

_ADVICE = "send `key`, or give the task one"
_ADVICE_INSTEAD = "send `key`, or an input that has it"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PATTERN = r"^[^\x00-\x1f\x7f]+$"
Key = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST, pattern=_PATTERN)]
_ONE = {"type": "string", "minLength": 1, "maxLength": LONGEST, "pattern": _PATTERN}
_MANY = {"type": "array", "items": _ONE, "minItems": 1, "maxItems": MOST_KEYS}


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Keys = Annotated[
    list[Key],
    BeforeValidator(_listed),
    Field(min_length=1, max_length=MOST_KEYS),
    WithJsonSchema({"anyOf": [_ONE, _MANY]}),
]


class Keyed(BaseModel):
    """The fields of a submission that are about its keys."""

    key: Keys | None = Field(
        default=None, description="at most `key_limit` jobs of a key run at once; one or several"
    )
    key_limit: int | None = Field(default=None, ge=1, le=MOST_LIMIT, description="default: 1")
    when_busy: WhenBusy | None = Field(
        default=None, description="what becomes of the job if its key is busy; default: `wait`"
    )
    key_max_waiting: int | None = Field(
        default=None, ge=1, le=MOST_CAP, description="refuse it if so many wait for the key"
    )


def keys_of(asked: Keyed, entry: TaskEntry, input_text: str) -> tuple[str, ...]:
    """Return the keys of a job in the order in which it takes them; raise InvalidInput.

    That order is the same for all jobs, so that no two wait for each other.
    """
    if asked.key is not None:
        return tuple(sorted(set(asked.key)))
    if not entry.key:
        return ()
    given = orjson.loads(input_text)
    if not isinstance(given, dict):
        given = {}
    return tuple(sorted({_filled(template, entry, given) for template in entry.key}))


def keyed_fields(asked: Keyed, entry: TaskEntry, keys: Sequence[str]) -> dict[str, Any]:
    """Return the fields of a job that follow from its keys; raise InvalidInput."""
    if not keys:
        for name in ("key_limit", "when_busy", "key_max_waiting"):
            if getattr(asked, name) is not None:
                raise InvalidInput([Fault(f"/{name}", f"means nothing without a key; {_ADVICE}")])
        return {}
    when_busy = asked.when_busy or entry.when_busy
    return {
        "keys": tuple(keys),
        "key_limit": asked.key_limit or entry.key_limit or 1,
        "when_busy": None if when_busy == "wait" else when_busy,
    }


def _filled(template: str, entry: TaskEntry, given: Mapping[str, Any]) -> str:
    """Return the key that a template makes of an input."""
    text = ""
    for literal, path, _, _ in Formatter().parse(template):
        text += literal
        if path is not None:
            text += _value(path, template, entry, given)
    if not text or len(text) > LONGEST or _CONTROL.search(text):
        why = f"1 to {LONGEST} characters, none of them a control character"
        raise _refusal(entry, template, f"makes {text[:50]!r} of this input; a key has {why}")
    return text


def _value(path: str, template: str, entry: TaskEntry, given: Mapping[str, Any]) -> str:
    value: Any = given
    for depth, name in enumerate(path.split(".")):
        if isinstance(value, Mapping) and name in value:
            value = value[name]
        else:
            value = None if depth else _default(entry, name)
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return orjson.dumps(value).decode()
    said = "is missing or null" if value is None else "is no text and no number"
    raise _refusal(entry, template, f"needs {path}, which {said}")


def _default(entry: TaskEntry, name: str) -> Any:
    """Return what the task takes for a member that the input leaves out."""
    described = entry.input_schema.get("properties", {}).get(name, {})
    return described.get("default") if isinstance(described, Mapping) else None


def _refusal(entry: TaskEntry, template: str, why: str) -> InvalidInput:
    said = f"{entry.name} has the key {template!r}, which {why}; {_ADVICE_INSTEAD}"
    return InvalidInput([Fault("/key", said)])
