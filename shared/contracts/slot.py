"""By what equal submissions find a job."""

from shared.contracts.record import record


@record
class Slot:
    """The name of a call, on each job that was submitted for it; one of them holds it."""

    name: str
    held: str | None = None  # the name again, unless another job has taken the slot over
    answer: str | None = None  # how the submission was answered
    renews: str | None = None  # the job whose result is the answer until this one has its own

    @property
    def is_unique(self) -> bool:
        """Say whether the job must not run beside others with this slot, even by hand."""
        return self.name.startswith("u:")
