"""One typed operation for each task of the catalogue: its input, its examples, its result."""

import re
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel

from api.contract.answers import ANYWHERE, problem_answers
from api.contract.components import Json, parameters, schema_ref
from api.contract.hoisting import hoist
from api.contract.operations import SUBMIT_PROBLEMS, SUBMIT_TAKES, accepts, json_body
from shared.contracts.catalogue import TaskEntry
from shared.contracts.equality import Cache, Unique
from shared.contracts.retrying import Retry
from shared.contracts.submission import Options

_UNFIT = re.compile(r"[^A-Za-z0-9_.-]")


def typed_path(entry: TaskEntry) -> tuple[str, Json, Json]:
    """Return the path of a task's jobs, its path item, and the schemas that it refers to."""
    base = _UNFIT.sub("_", entry.name)
    schemas = hoist(entry.input_schema, f"{base}.input") | hoist(
        entry.output_schema, f"{base}.result"
    )
    schemas[f"{base}.job"] = _job(entry, base)
    return f"/v1/tasks/{quote(entry.name)}/jobs", {"post": _operation(entry, base)}, schemas


def family(entry: TaskEntry) -> str:
    """Return the tag under which a task stands: what is before the first dot of its name."""
    head, dot, _ = entry.name.partition(".")
    return f"{head}.*" if dot else head


_GROUPS: dict[str, type[BaseModel]] = {"retry": Retry, "cache": Cache, "unique": Unique}


def option_parameters() -> list[Json]:
    """Return the options of a submission as query parameters; metadata only fits a body.

    Members of objects stand on their own, as in `retry.max_attempts=5`.
    """
    fields: Json = dict(Options.model_json_schema()["properties"])
    del fields["metadata"], fields["limits"]
    for group, model in _GROUPS.items():
        del fields[group]
        members = model.model_json_schema()["properties"]
        # Without their defaults: a form would send these, and so ask for the whole object.
        fields |= {f"{group}.{name}": _without_default(members[name]) for name in members}
    return [_parameter(name, dict(fields[name])) for name in fields]


def _without_default(schema: Json) -> Json:
    return {key: value for key, value in schema.items() if key != "default"}


def _operation(entry: TaskEntry, base: str) -> Json:
    summary, _, rest = entry.doc.strip().partition("\n")
    facts = f"Queue `{entry.queue}`" + (
        f", at most {entry.timeout_s:g} seconds an attempt." if entry.timeout_s else "."
    )
    return {
        "operationId": "submit_" + re.sub(r"\W", "_", entry.name),
        "tags": [family(entry)],
        "summary": summary.strip() or f"Submit {entry.name}",
        "description": "\n\n".join(part for part in (rest.strip(), facts) if part),
        "parameters": _options(entry) + parameters(*SUBMIT_TAKES),
        "requestBody": json_body(schema_ref(f"{base}.input"), _examples(entry)),
        "responses": accepts(f"{base}.job") | problem_answers(*SUBMIT_PROBLEMS, *ANYWHERE),
    }


def _options(entry: TaskEntry) -> list[Json]:
    """A thread cannot be stopped, so its task takes no hard limit."""
    cannot = ("timeout_s",) if entry.execution == "thread" else ()
    return [each for each in option_parameters() if each["name"] not in cannot]


def _examples(entry: TaskEntry) -> Json:
    return {f"example {n}": {"value": each} for n, each in enumerate(entry.examples, start=1)}


def _job(entry: TaskEntry, base: str) -> Json:
    result = {"anyOf": [schema_ref(f"{base}.result"), {"type": "null"}]}
    typed = {
        "task": {"const": entry.name},
        "input": schema_ref(f"{base}.input"),
        "result": result,
    }
    return {
        "title": f"Job of {entry.name}",
        "allOf": [schema_ref("Job"), {"type": "object", "properties": typed}],
    }


def _parameter(name: str, schema: Json) -> Json:
    parameter: Json = {"name": name, "in": "query", "required": False}
    if description := schema.pop("description", None):
        parameter["description"] = description
    return parameter | {"schema": without_null(schema)}


def without_null(schema: Json) -> Json:
    """Return the schema of a parameter: one that is null is left out, and never sent."""
    choices = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    shown: dict[str, Any] = {
        key: value
        for key, value in schema.items()
        if key not in ("anyOf", "title") and not (key == "default" and value is None)
    }
    return shown | (choices[0] if len(choices) == 1 else {"anyOf": choices} if choices else {})
