"""What can be wrong with a workflow, as errors of the one tree."""

from shared.contracts.errors import Fault, WarrenError

MOST_FAULTS = 50
"""After so many, the rest of the graph is not looked at: nobody reads 100,000 messages."""


class InvalidWorkflow(WarrenError):
    """A graph that cannot be run; each fault names the node and the cause."""

    code = "invalid-workflow"

    def __init__(self, faults: list[Fault]) -> None:
        first = faults[0]
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        super().__init__(f"{first.message}{more}")
        self.faults = faults


class EmptyReplacement(WarrenError):
    """A job wanted to be replaced by a graph without nodes."""

    code = "empty-replacement"

    def __init__(self, job_id: str) -> None:
        super().__init__(
            f"job {job_id} cannot be replaced by an empty graph; return the value instead"
        )
        self.job_id = job_id


class TooDeep(WarrenError):
    """A job grew from a job that grew, and so on, too often."""

    code = "too-deep"

    def __init__(self, job_id: str, most: int) -> None:
        super().__init__(f"job {job_id} grew from {most} jobs, one from the other; it may not grow")
        self.job_id = job_id


class GrewOtherwise(WarrenError):
    """An attempt spawned another graph than the one before it did in the same place."""

    code = "grew-otherwise"

    def __init__(self, job_id: str, path: str) -> None:
        super().__init__(
            f"an earlier attempt of job {job_id} spawned another graph as {path!r}: let every"
            " attempt spawn the same in the same order, or give each spawn a name of its own"
        )
        self.job_id = job_id


class BadReference(WarrenError):
    """A reference that points to nothing when it is resolved: its job gets this as its error."""

    code = "bad-reference"


class Findings:
    """Collects faults, up to MOST_FAULTS of them."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def add(self, pointer: str, message: str) -> None:
        """Keep one fault, unless there are too many already."""
        if not self.full:
            self.faults.append(Fault(pointer, message))

    @property
    def full(self) -> bool:
        """Say whether looking further is of no use."""
        return len(self.faults) >= MOST_FAULTS

    def check(self) -> None:
        """Raise InvalidWorkflow if anything was found."""
        if self.faults:
            raise InvalidWorkflow(self.faults)
