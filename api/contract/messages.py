"""What is pushed to clients and what travels on RabbitMQ, as models for the AsyncAPI document."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, RootModel

from api.contract.shapes import Id, Job, Problem
from shared.contracts.bells import MAX_IDS


class ConnectionAck(BaseModel):
    """The connection is open for subscriptions."""

    type: Literal["connection_ack"]


class Next(BaseModel):
    """A job as it is now. The first one is a snapshot; progress may be coalesced, an end never."""

    type: Literal["next"]
    id: str = Field(description="of the subscription")
    event: str = Field(
        description="`job.<status>`, or job.progress, job.log, or job.retrying: it waits for "
        "another attempt",
        examples=["job.running", "job.progress", "job.retrying", "job.succeeded"],
    )
    seq: int = Field(description="the job's version; send it as `after` to resume")
    job: Job


class Complete(BaseModel):
    """The job of this subscription has ended; nothing follows."""

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
