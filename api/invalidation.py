"""What a client may say of results that are not to be used any more."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Text = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class Invalidation(BaseModel):
    """Which results equal calls shall not get any more: all that is said must fit."""

    model_config = ConfigDict(extra="forbid", strict=True)

    task: Text | None = Field(default=None, description="all results of a task")
    key: Text | None = Field(default=None, description="of these, those with this cache key")
    input: dict[str, Any] | None = Field(default=None, description="of these, that of one call")
    tag: Text | None = Field(default=None, description="results of jobs that have this tag")
