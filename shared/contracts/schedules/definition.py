"""What the owner of a schedule may say of its times, in a request or in code."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from shared.contracts.errors import Fault, InvalidSchedule
from shared.contracts.schedule import Overlap
from shared.contracts.schedules.cron import parse_cron
from shared.contracts.schedules.zones import zone_named

_YEAR = 366 * 24 * 3600


def _instant(value: Any) -> Any:
    """Read RFC 3339 text only: a bare number could be seconds or milliseconds."""
    if isinstance(value, str):
        return datetime.fromisoformat(value)
    raise ValueError("an instant is text such as 2026-06-01T12:00:00Z")


Instant = Annotated[AwareDatetime, BeforeValidator(_instant)]
Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]*$")]


class Times(BaseModel):
    """When a schedule fires, and what happens if it cannot."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Name | None = Field(default=None, description="yours; no two schedules share one")
    cron: str | None = Field(
        default=None,
        description="minute, hour, day of month, month, day of week; or `@daily` and its like",
        examples=["*/5 * * * *"],
    )
    every_s: float | None = Field(
        default=None, ge=1, le=_YEAR, description="instead of `cron`: aligned to 1970-01-01T00:00Z"
    )
    phase_s: float = Field(default=0, ge=0, le=_YEAR, description="moves `every_s`")
    timezone: str = Field(default="UTC", description="of `cron`; a name of the IANA database")
    start_at: Instant | None = Field(default=None, description="no fire before; may be one at it")
    end_at: Instant | None = Field(default=None, description="no fire after; may be one at it")
    jitter_s: float = Field(
        default=0, ge=0, le=24 * 3600, description="up to so much later; nominal times stay"
    )
    overlap: Overlap = Field(
        default=Overlap.SKIP,
        strict=False,
        description="when a time comes while an earlier job of the schedule is unfinished",
    )
    catch_up_s: float = Field(
        default=3600, ge=0, le=_YEAR, description="fires that are later than this are dropped"
    )
    paused: bool = False
    note: str | None = Field(default=None, max_length=1000)


def check_times(times: Times) -> None:
    """Raise InvalidSchedule for a rule that names no times, a bad cron or an unknown zone."""
    if (times.cron is None) == (times.every_s is None):
        raise InvalidSchedule([Fault("", "a schedule has either cron or every_s")])
    if times.cron is not None:
        parse_cron(times.cron)
        zone_named(times.timezone)
        if times.phase_s:
            raise InvalidSchedule([Fault("/phase_s", "a phase belongs to every_s, not to cron")])
    elif times.timezone != "UTC":
        raise InvalidSchedule([Fault("/timezone", "a time zone belongs to cron, not to every_s")])
    for field in ("start_at", "end_at"):
        instant = getattr(times, field)
        if instant is not None and not 1970 <= instant.year < 9000:
            raise InvalidSchedule([Fault(f"/{field}", "the year must be from 1970 to 8999")])
    if times.start_at and times.end_at and times.end_at < times.start_at:
        raise InvalidSchedule([Fault("/end_at", "it ends before it starts")])


def fields_of(times: Times) -> dict[str, Any]:
    """Return what a Schedule's fields are to be, in its units; all instants in milliseconds."""
    return {
        "name": times.name,
        "cron": times.cron,
        "timezone": times.timezone,
        "every": None if times.every_s is None else _span(times.every_s),
        "phase": _span(times.phase_s),
        "start_at": whole_milliseconds(times.start_at),
        "end_at": whole_milliseconds(times.end_at),
        "jitter": _span(times.jitter_s),
        "overlap": times.overlap,
        "catch_up": _span(times.catch_up_s),
    }


def whole_milliseconds(instant: datetime | None) -> datetime | None:
    """Return an instant in the precision that MongoDB keeps, in UTC."""
    if instant is None:
        return None
    instant = instant.astimezone(UTC)
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def _span(seconds: float) -> timedelta:
    return timedelta(milliseconds=round(seconds * 1000))
