"""Why a job that stands in line for a key does not run: who has it, who comes first, and when."""

from api.lanes.outlook import Outlook
from api.views import waiting_for
from api.why import Facts, head, pauses_of
from shared.contracts.instants import present, written
from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.contracts.pauses import Paused
from shared.infrastructure.queue_depths import MOST_COUNTED


def why_in_line(job: Job, outlook: Outlook, gate: Facts, paused: Paused) -> Facts:
    """Explain a job in line; `gate` is what `waiting_for` says of it."""
    pauses = pauses_of(job, paused)
    return {
        **head(job, _reasons(outlook) + pauses, paused),
        "waiting_for": [gate, *(e for e in waiting_for(job, None, paused) if e["gate"] != "key")],
        "position": outlook.ahead,
        "expected_start": None if pauses else outlook.earliest,
        "expected_start_by": None if pauses else outlook.latest,
    }


def _reasons(outlook: Outlook) -> list[tuple[str, str]]:
    reasons = []
    if outlook.held is not None:
        by, note = outlook.held["by"], outlook.held["note"]
        who = f" by {by}" if by else ""
        why = f": {note}" if note else ""
        since = written(outlook.held["since"])
        text = f"the lane of {outlook.key!r} is held{who} since {since}{why}"
        reasons.append(("lane-held", text))
    if outlook.holders:
        first = outlook.holders[0]
        more = f" and {len(outlook.holders) - 1} others have" if outlook.holders[1:] else " has"
        text = f"job {first.id} ({_stands(first)}){more} the key {outlook.key!r}"
        reasons.append(("key-taken", text))
    if outlook.ahead:
        more = " or more" if outlook.ahead >= MOST_COUNTED else ""
        reasons.append(("others-first", f"{outlook.ahead}{more} jobs stand in line before it"))
    return reasons or [("next", f"it is about to get the key {outlook.key!r}")]


def _stands(job: Job) -> str:
    if job.status is Status.RUNNING and job.started_at:
        return f"running for {max(0.0, (present() - job.started_at).total_seconds()):.1f} s"
    return str(job.status)
