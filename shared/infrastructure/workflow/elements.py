"""The jobs of a foreach: one for each element, with an id that follows from its place."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson

from shared.contracts.job import Job
from shared.contracts.workflow.faults import BadReference
from shared.contracts.workflow.foreach import element_ids, element_path
from shared.contracts.workflow.resolution import names_in, resolve
from shared.infrastructure.documents import from_document
from shared.infrastructure.workflow.rows import NodeRow


def element_jobs(row: NodeRow, elements: Sequence[Any], *, now: datetime) -> Iterator[Job]:
    """Yield the job of each element, waiting for its turn."""
    base = from_document(dict(row.job or {}))
    template = orjson.loads(base.input)
    only_items = not names_in(template)
    for index, job_id in enumerate(element_ids(row.id, range(len(elements)), run=row.run)):
        job = replace(
            base,
            id=job_id,
            created_at=now,
            element=index,
            parent_id=row.id,
            node=element_path(row.path, index),
        )
        yield _filled(job, template, elements[index]) if only_items else _open(job, elements[index])


def _filled(job: Job, template: Any, element: Any) -> Job:
    """Put the element into the input now, since nothing else is missing."""
    try:
        return replace(
            job, input=orjson.dumps(resolve(template, {}, item=element)).decode(), templated=False
        )
    except BadReference:
        return _open(job, element)  # it runs into the same, and fails with that as its error


def _open(job: Job, element: Any) -> Job:
    return replace(job, item=orjson.dumps(element).decode(), templated=True)
