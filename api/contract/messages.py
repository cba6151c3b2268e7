"""What is pushed to clients and what travels on RabbitMQ, as models for the AsyncAPI document."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, RootModel

from api.contract.shapes import Id, Job, Problem
from api.contract.workflow_shapes import Workflow
from shared.contracts.bells import MAX_IDS


class ConnectionAck(BaseModel):
    """The connection is open for subscriptions."""

    type: Literal["connection_ack"]


class Next(BaseModel):
    """A job or a workflow as it is now. The first one is a snapshot; an end is never left out."""

    type: Literal["next"]
    id: str = Field(description="of the subscription")
    event: str = Field(
        description="`job.<status>`, or job.progress, job.log, or job.retrying: it waits for "
        "another attempt; of a workflow `workflow.<status>`",
        examples=["job.running", "job.progress", "job.retrying", "job.succeeded"],
    )
    seq: int = Field(description="the version of the job or the workflow; `after` resumes a job")
    job: Job | None = Field(default=None, description="absent if this tells of a workflow")
    workflow: Workflow | None = Field(
        default=None, description="a subscribed workflow: the snapshot, and each change of its own"
    )


class Complete(BaseModel):
    """The job or the workflow of this subscription has ended; nothing follows."""

    type: Literal["complete"]
    id: str


class SubscriptionError(BaseModel):
    """This subscription failed; the socket and the others go on."""

    type: Literal["error"]
    id: str
    problem: Problem


class Pong(BaseModel):
    """The answer to a ping."""

    type: Literal["pong"]


class OneJob(BaseModel):
    """A bell for one job."""

    id: Id


class ManyJobs(BaseModel):
    """A bell for several jobs of one queue."""

    ids: list[Id] = Field(min_length=1, max_length=MAX_IDS)


class Bell(RootModel[OneJob | ManyJobs]):
    """A wake-up for a worker: these jobs are runnable. Whoever hears it claims them in MongoDB."""


Event = Annotated[str, Field(description="such as job.running")]
HintRow = tuple[
    Annotated[Id, Field(title="job")],
    Annotated[Event, Field(title="event")],
    Annotated[str, Field(title="task")],
    Annotated[str, Field(title="queue")],
    Annotated[list[str], Field(title="tags")],
]


class Cancel(BaseModel):
    """Somebody wants the attempts of these jobs to stop."""

    cancel: list[Id] = Field(min_length=1)


class Drain(BaseModel):
    """A worker is to take no more jobs."""

    drain: str = Field(description="the id of the worker")


class Order(RootModel[Cancel | Drain]):
    """What workers are to look at in MongoDB, which decides. It may be lost or doubled."""


class Hints(RootModel[list[HintRow]]):
    """Jobs that changed, as rows of job, event, task, queue, tags. They may be lost or doubled."""


FROM_SERVER: tuple[type[BaseModel], ...] = (ConnectionAck, Next, Complete, SubscriptionError, Pong)
ON_RABBITMQ: tuple[type[BaseModel], ...] = (Bell, Hints, Order)
