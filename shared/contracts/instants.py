"""Instants as clients write them (RFC 3339), and the present as the service keeps it."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field


def present() -> datetime:
    """Return the present in the precision that MongoDB keeps: milliseconds."""
    return _in_milliseconds(datetime.now(UTC))


def written(at: datetime) -> str:
    """Return an instant as text for people, like those in our JSON."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _must_be_text(value: Any) -> Any:
    """Refuse what a lenient parser would take for seconds since 1970."""
    number = isinstance(value, str) and value.replace(".", "", 1).lstrip("+-").isdigit()
    if number or not isinstance(value, str | datetime):
        raise ValueError("send an RFC 3339 instant such as 2026-01-31T12:00:00Z")
    return value


def _in_utc(value: datetime) -> datetime:
    try:
        return _in_milliseconds(value.astimezone(UTC))
    except OverflowError:
        raise ValueError("no calendar of ours reaches that far") from None


def _in_milliseconds(value: datetime) -> datetime:
    return value.replace(microsecond=value.microsecond // 1000 * 1000)


Instant = Annotated[
    AwareDatetime,
    Field(strict=False),  # JSON has no instants, so a text is what we want
    BeforeValidator(_must_be_text),
    AfterValidator(_in_utc),
]
"""An instant in UTC, made of a text with a time zone."""
