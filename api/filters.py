"""Which jobs a list or a subscription is about."""

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.contracts.errors import InvalidInput
from shared.contracts.events import Hint
from shared.contracts.job import Job
from shared.contracts.moves import Status
from shared.contracts.submission import faults_of


class JobFilter(BaseModel):
    """What a filter subscription may ask for; absent fields fit every job."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: Status | None = None
    task: str | None = None
    queue: str | None = None
    tag: str | None = None
    key: str | None = None

    def fits(self, job: Job) -> bool:
        """Say whether a job fits as it stands."""
        return (
            (self.status is None or self.status == job.status)
            and (self.task is None or self.task == job.task)
            and (self.queue is None or self.queue == job.queue)
            and (self.tag is None or self.tag in job.tags)
            and (self.key is None or self.key in job.keys)
        )

    def may_fit(self, hint: Hint) -> bool:
        """Say whether the job of a hint is worth a look; its status is known only after that."""
        return (
            (self.task is None or self.task == hint.task)
            and (self.queue is None or self.queue == hint.queue)
            and (self.tag is None or self.tag in hint.tags)
            and (self.key is None or self.key in hint.keys)
        )


def read_filter(value: Any) -> JobFilter:
    """Return the filter that a JSON value means; raise InvalidInput."""
    try:
        return JobFilter.model_validate(value)
    except ValidationError as error:
        raise InvalidInput(faults_of(error.errors())) from None
