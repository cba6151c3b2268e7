"""Handing in many jobs at once: JSON Lines, in requests of a bounded size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import uuid4

from warren.errors import InvalidInput, Problem
from warren.outcome import to_json
from warren.patience import Patience
from warren.problems import problem_from
from warren.questions import posting, read
from warren.submission import submission_of
from warren.talk import Call, Talk

_MOST_ITEMS = 1_000
_MOST_BYTES = 512 * 1024  # well under the gateway's limit on a body


def submit_many(
    patience: Patience, submissions: Iterable[Mapping[str, Any]], *, key: str | None
) -> Talk[list[str | Problem]]:
    """Hand in jobs; for each, in order, its id or the problem with it."""
    key = key or str(uuid4())
    drafts = [_draft(submission) for submission in submissions]
    lines = [(index, draft) for index, draft in enumerate(drafts) if isinstance(draft, bytes)]
    outcomes: list[str | Problem] = [d if isinstance(d, Problem) else "" for d in drafts]
    for number, batch in enumerate(_batches(lines)):
        items = yield from _post(patience, [line for _, line in batch], key=f"{key}/{number}")
        for (index, _), item in zip(batch, items, strict=True):
            outcomes[index] = item
    return outcomes


def _draft(submission: Mapping[str, Any]) -> bytes | Problem:
    try:
        fields = dict(submission)
        return to_json(submission_of(fields.pop("task"), fields.pop("input", None), fields))
    except InvalidInput as error:
        # The same answer that the service would give, without asking it.
        return Problem(
            status=422,
            type="/problems/invalid-input",
            title="Invalid input",
            detail=str(error),
            errors=error.errors,
        )


def _post(patience: Patience, lines: Sequence[bytes], *, key: str) -> Talk[list[str | Problem]]:
    headers = posting(key) | {"Content-Type": "application/jsonl"}
    call = Call("POST", "/v1/jobs/bulk", headers=headers, body=b"\n".join(lines) + b"\n")
    items = read((yield from patience.ask(call)))["items"]
    return [item["id"] if "id" in item else problem_from(item["problem"]) for item in items]


def _batches(lines: Iterable[tuple[int, bytes]]) -> Iterator[list[tuple[int, bytes]]]:
    batch: list[tuple[int, bytes]] = []
    size = 0
    for index, line in lines:
        if batch and (len(batch) == _MOST_ITEMS or size + len(line) > _MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((index, line))
        size += len(line) + 1
    if batch:
        yield batch
