"""The frames of `warren.v1`: what a client may say, and what we answer."""

from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from api.hub import Change
from api.problems import ProblemError, problem_body
from api.workflows.following import Told
from shared.contracts.errors import Malformed
from shared.contracts.strict_json import parse

SUBPROTOCOL = "warren.v1"

BAD_MESSAGE = 4400
UNAUTHENTICATED = 4401
FORBIDDEN = 4403
NO_SUBPROTOCOL = 4406
INIT_TIMEOUT = 4408
DUPLICATE_ID = 4409
TOO_MANY_SUBSCRIPTIONS = 4413
SHUTDOWN = 1001
TOO_SLOW = 1013

SubscriptionId = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class _Frame(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ConnectionInit(_Frame):
    """The first frame if API keys are on."""

    type: Literal["connection_init"]
    token: str | None = None


class Subscribe(_Frame):
    """Follow one job, a workflow with all its jobs, or every job that fits a filter."""

    type: Literal["subscribe"]
    id: SubscriptionId
    job: str | None = None
    after: int = Field(default=0, ge=0)
    filter: dict[str, Any] | None = None
    workflow: str | None = None
    channel: str | None = None


class Unsubscribe(_Frame):
    """End a subscription."""

    type: Literal["unsubscribe"]
    id: SubscriptionId


class Ping(_Frame):
    """Ask for a pong."""

    type: Literal["ping"]


Frame = ConnectionInit | Subscribe | Unsubscribe | Ping
_FRAMES: TypeAdapter[Frame] = TypeAdapter(Annotated[Frame, Field(discriminator="type")])


class BadFrame(Exception):
    """A frame that is not of this protocol; the message says why."""


def read_frame(text: str) -> Frame:
    """Return the frame in a text message; raise BadFrame."""
    try:
        return _FRAMES.validate_python(parse(text.encode()))
    except (Malformed, UnicodeEncodeError) as error:
        raise BadFrame(str(error)) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "frame"
        raise BadFrame(f"{where}: {first['msg']}") from error


def close_reason(text: str) -> str:
    """Return as much of a reason as fits a close frame: 123 bytes (RFC 6455, section 5.5)."""
    return text.encode("utf-8", "replace")[:123].decode("utf-8", "ignore")


def next_frame(subscription: str, change: Change) -> bytes:
    """Return the frame that tells a change."""
    return orjson.dumps(
        {
            "type": "next",
            "id": subscription,
            "event": change.event,
            "seq": change.job.version,
            "job": orjson.Fragment(change.body),
        }
    )


def workflow_frame(subscription: str, told: Told) -> bytes:
    """Return the frame that tells of a workflow, or of a job of one."""
    return orjson.dumps(
        {
            "type": "next",
            "id": subscription,
            "event": told.event,
            "seq": told.seq,
            told.subject: orjson.Fragment(told.body),
        }
    )


def complete_frame(subscription: str) -> bytes:
    """Return the frame after a subject's end."""
    return orjson.dumps({"type": "complete", "id": subscription})


def error_frame(subscription: str, problem: ProblemError) -> bytes:
    """Return the frame that says why a subscription failed."""
    return orjson.dumps({"type": "error", "id": subscription, "problem": problem_body(problem)})


ACK = b'{"type":"connection_ack"}'
PONG = b'{"type":"pong"}'
