"""The OpenAPI document: what the routes declare, and one typed operation for each task."""

from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass
from hashlib import sha256

import orjson

from api.contract import components
from api.contract.components import Json
from api.contract.typed import family, option_parameters, typed_path, without_null
from shared.contracts.catalogue import TaskEntry

ABOUT = """Jobs over HTTP: submit a job, and it runs. What is answered with 202 is durable and
reaches an end, whatever dies in between.

- **Try it**: choose a task below; each has a form of its own. With `Prefer: wait=5` the answer is
  the result.
- **Follow jobs live** over a WebSocket: [the protocol, with a box to try it](/docs/realtime), and
  [its AsyncAPI document](/asyncapi.json).
- **Errors** are problem details (RFC 9457); their `type` is [a page](/problems) that says what
  to do.
- **Repeat safely**: send an `Idempotency-Key` with each POST.
- **Limits**: JSON is strict. NaN, duplicate keys, NUL characters, lone surrogates and integers
  beyond 64 bits are refused. Each answer carries `X-Request-ID`; quote it when something
  went wrong.
"""

_IDS = ("job_id", "schedule_id", "workflow_id")
_TAGS = {
    "jobs": "Submit jobs, read them, follow them.",
    "workflows": "Graphs of jobs: submit them as a whole, follow and steer them.",
    "schedules": "Rules that submit jobs at nominal times.",
    "limits": "Budgets that all workers share, and what waits for them.",
    "tasks": "The catalogue, and submitting a task's input as the whole body.",
    "operations": "Probes and counters for those who run the service.",
}


@dataclass(frozen=True, slots=True)
class Printed:
    """A document as it is served."""

    body: bytes
    etag: str


class Contract:
    """Prints the document again when the catalogue has changed, and not otherwise."""

    def __init__(self, routes: Callable[[], Json]) -> None:
        self._routes = routes  # FastAPI's own document; it keeps it
        self._key: tuple[int, bool] | None = None
        self._printed = Printed(b"", "")

    def printed(
        self, entries: Callable[[], Iterable[TaskEntry]], *, revision: int, keys_needed: bool
    ) -> Printed:
        """Return the document for the tasks of this revision of the catalogue."""
        if self._key != (revision, keys_needed):
            document = describe(self._routes(), entries(), keys_needed=keys_needed)
            body = orjson.dumps(document)
            self._printed = Printed(body, f'"{sha256(body).hexdigest()[:32]}"')
            self._key = (revision, keys_needed)
        return self._printed


def describe(routes: Json, entries: Iterable[TaskEntry], *, keys_needed: bool) -> Json:
    """Return the whole document."""
    entries = sorted(entries, key=lambda entry: entry.name)
    document = deepcopy(routes)
    document["info"]["description"] = ABOUT
    document["security"] = [{"bearer": []}] if keys_needed else [{}, {"bearer": []}]
    for path, item in document["paths"].items():
        for operation in item.values():
            _polish(path, operation)
    document["components"] = {
        "schemas": dict(components.schemas()),
        "headers": components.HEADERS,
        "parameters": components.PARAMETERS,
        "securitySchemes": components.SECURITY_SCHEMES,
    }
    for entry in entries:
        path, item, schemas = typed_path(entry)
        document["paths"][path] = item
        document["components"]["schemas"] |= schemas
    document["tags"] = _tags(entries)
    return document


def _tags(entries: Iterable[TaskEntry]) -> list[Json]:
    families = {family(entry): "Tasks of this family, each with its own form." for entry in entries}
    first = {"jobs": _TAGS["jobs"]}
    return [
        {"name": name, "description": told} for name, told in (first | families | _TAGS).items()
    ]


def _polish(path: str, operation: Json) -> None:
    """Take out what FastAPI adds for answers that we give in another form."""
    refused = operation["responses"].get("422", {})
    if "application/json" in refused.get("content", {}):
        refused["content"].pop("application/json")
    if not refused.get("content", True):
        del operation["responses"]["422"]
    own = operation.get("parameters", [])
    for parameter in own:
        if "schema" in parameter:
            parameter["schema"] = without_null(parameter["schema"])
        if (
            parameter.get("name") in ("job_id", "schedule_id", "workflow_id")
            and parameter["in"] == "path"
        ):
            parameter["schema"]["format"] = "uuid"
    if path == "/v1/tasks/{task}/jobs":
        operation["parameters"] = own + option_parameters()
    operation["responses"] = dict(sorted(operation["responses"].items()))
