"""From the JSON of a submission to a workflow that may be stored; each fault names its node.

Pure, so that a graph of 100,000 nodes can be read in a thread.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.contracts.catalogue import TaskEntry
from shared.contracts.errors import InvalidInput
from shared.contracts.instants import Instant
from shared.contracts.job import Job
from shared.contracts.keys import keys_of
from shared.contracts.record import record
from shared.contracts.strict_json import dump
from shared.contracts.submission import (
    Options,
    Tag,
    check_size,
    faults_of,
    refuse_what_single_jobs_take,
    to_job,
)
from shared.contracts.workflow.faults import Findings
from shared.contracts.workflow.fitting import Fitting
from shared.contracts.workflow.graph import Graph, Node
from shared.contracts.workflow.growth import labels_under
from shared.contracts.workflow.pointers import escaped
from shared.contracts.workflow.references import unwrapped

_CENTURY_S = 100 * 366 * 24 * 3600
_NOTHING = Options()


class WorkflowFields(BaseModel):
    """What a submission says of the whole, beside its graph."""

    model_config = ConfigDict(extra="forbid", strict=True)

    run_at: Instant | None = Field(default=None, description="no node runs before; past means now")
    delay_s: float | None = Field(
        default=None, ge=0, le=_CENTURY_S, description="the same, counted from now"
    )
    tags: list[Tag] = Field(
        default_factory=list, max_length=20, description="every node gets them, behind its own"
    )
    metadata: dict[str, Any] = Field(
        default_factory=dict, description="every node gets it; its own members win"
    )


@record
class Draft:
    """A workflow that is in order."""

    graph: Graph
    fields: WorkflowFields
    run_at: datetime | None  # only if that lies ahead
    templates: dict[str, Job]  # of the nodes that say more than task and input, by name
    plain: dict[str, Job]  # of all others, by task
    now: datetime

    def job_of(self, node: Node, job_id: str) -> Job:
        """Return the job of a node, without its input."""
        template = self.templates.get(node.name) or self.plain[node.task or ""]
        return replace(template, id=job_id)


def read_draft(
    value: dict[str, Any],
    graph: Graph,
    entries: Mapping[str, TaskEntry],
    fitting: Fitting,
    *,
    now: datetime,
    above: tuple[Sequence[str], Mapping[str, Any]] = ((), {}),
) -> Draft:
    """Check what is no business of the graph; raise InvalidWorkflow. `value` is what was sent.

    `above` are the tags and metadata of the job from which it grows, if it does.
    """
    findings = Findings()
    fields = _read_fields(graph.fields or {}, findings)
    tags, metadata = labels_under(*above, {"tags": fields.tags, "metadata": fields.metadata})
    fields = fields.model_copy(update={"tags": tags, "metadata": metadata})
    draft = Draft(
        graph=graph,
        fields=fields,
        run_at=_run_at(fields, now, findings),
        templates={},
        plain={},
        now=now,
    )
    reader = _Reader(value, draft, entries, fitting, findings)
    for node in (*graph.nodes, *graph.on_success, *graph.on_failure):
        reader.read(node)
        if findings.full:
            break
    findings.check()
    return draft


class _Reader:
    """Reads the fields and the input of one node after the other."""

    def __init__(
        self,
        value: dict[str, Any],
        draft: Draft,
        entries: Mapping[str, TaskEntry],
        fitting: Fitting,
        findings: Findings,
    ) -> None:
        self._value, self._draft, self._entries = value, draft, entries
        self._fitting, self._findings = fitting, findings
        self._metadata = dump(draft.fields.metadata)

    def read(self, node: Node) -> None:
        """Keep what the node's job looks like, or tell what is wrong with it."""
        if node.task is None:
            for name in node.fields or ():
                said = f"has a `value`, runs nothing, and takes no {name[:80]!r}"
                self._tell(node, f"/{escaped(name)}", said)
            return
        entry = self._entries.get(node.task)
        if entry is None:
            said = f"no worker has declared a task named {node.task[:200]!r}"
            self._tell(node, "/task", said)
            return
        fields = node.fields
        if entry.key and "key" not in (fields or {}):
            fields = self._with_key(node, entry)
        if fields:
            self._read_fields(node, entry, fields)
        elif node.task not in self._draft.plain:
            self._draft.plain[node.task] = self._template(_NOTHING, entry, None)
        self._read_input(node, entry)

    def _with_key(self, node: Node, entry: TaskEntry) -> dict[str, Any]:
        """Return what a node says with the key that its task makes of its input."""
        said = dict(node.fields or {})
        try:
            said["key"] = list(keys_of(_NOTHING, entry, dump(unwrapped(node.input))))
        except InvalidInput as error:
            advice = "a node whose input is known only later needs a `key` of its own"
            self._tell(node, "/key", f"{error.faults[0].message}; {advice}")
            said["key"] = "-"
        return said

    def _read_fields(self, node: Node, entry: TaskEntry, said: dict[str, Any]) -> None:
        try:
            options = Options.model_validate(said)
            refuse_what_single_jobs_take(options, "a workflow runs each of its nodes once")
            template = self._template(options, entry, said)
        except ValidationError as error:
            for fault in faults_of(error.errors()):
                self._tell(node, fault.pointer, fault.message)
        except InvalidInput as error:
            for fault in error.faults:
                self._tell(node, fault.pointer, fault.message)
        else:
            self._draft.templates[node.name] = template
            run_at = self._draft.run_at
            if run_at and template.expires_at and template.expires_at <= run_at:
                self._tell(node, "", "would expire before the workflow's time to run has come")

    def _read_input(self, node: Node, entry: TaskEntry) -> None:
        at = pointer_of(node.name, self._value)
        for fault in self._fitting.faults(node, entry, at):
            self._findings.add(fault.pointer, f"node {node.name!r}: {fault.message}")
        try:
            check_size(orjson.dumps(node.input).decode(), self._metadata)
        except InvalidInput as error:
            self._tell(node, "/input", error.faults[0].message)

    def _template(self, options: Options, entry: TaskEntry, said: dict[str, Any] | None) -> Job:
        above = self._draft.fields
        tags, metadata = labels_under(above.tags, above.metadata, said)
        labelled = options.model_copy(update={"tags": tags, "metadata": metadata})
        job = to_job(labelled, entry, input_text="{}", job_id="-", now=self._draft.now)
        past = job.run_at is not None and job.run_at <= self._draft.now
        return replace(job, run_at=None) if past else job

    def _tell(self, node: Node, where: str, message: str) -> None:
        at = pointer_of(node.name, self._value)
        self._findings.add(at + where, f"node {node.name!r}: {message}")


def pointer_of(name: str, value: dict[str, Any]) -> str:
    """Return where a node, or a hook such as `report:on_failure.1`, stands in a submission."""
    owner, is_hook, hook = name.partition(":")
    at = f"/nodes/{escaped(owner)}" if owner else ""
    if not is_hook:
        return at
    kind, _, number = hook.partition(".")
    said = value["nodes"][owner] if owner else value
    return f"{at}/{kind}/{number or 0}" if isinstance(said[kind], list) else f"{at}/{kind}"


def _read_fields(said: dict[str, Any], findings: Findings) -> WorkflowFields:
    try:
        return WorkflowFields.model_validate(said)
    except ValidationError as error:
        for fault in faults_of(error.errors()):
            findings.add(fault.pointer, f"the workflow: {fault.message}")
        return WorkflowFields()


def _run_at(fields: WorkflowFields, now: datetime, findings: Findings) -> datetime | None:
    if fields.delay_s is None:
        return fields.run_at if fields.run_at and fields.run_at > now else None
    if fields.run_at is not None:
        findings.add("/delay_s", "the workflow: send either run_at or delay_s")
    return now + timedelta(milliseconds=round(fields.delay_s * 1000)) if fields.delay_s else None
