"""What workers heard from the other side of a limit."""

from enum import StrEnum

from shared.contracts.record import record


class Heard(StrEnum):
    """How a call went, as far as the limit is concerned."""

    CLEAN = "clean"
    THROTTLED = "throttled"  # 429, RateLimited
    OUTAGE = "outage"  # no answer, or one that says that the other side is out of order


@record
class Report:
    """What one worker heard in a short while; instants are milliseconds of the database's clock."""

    clean: int = 0
    throttled: int = 0
    outages: int = 0
    clean_began: float = 0.0  # the latest turn of a call that went so
    throttled_began: float = 0.0
    outage_began: float = 0.0
    pause_ms: float = 0.0  # the longest that the other side asked for

    @property
    def calls(self) -> int:
        """Return how many calls this tells of."""
        return self.clean + self.throttled + self.outages


def joined(report: Report, heard: Heard, *, began: float, pause_ms: float = 0.0) -> Report:
    """Return the report with one more call."""
    clean, throttled, outage = (heard is each for each in Heard)
    return Report(
        clean=report.clean + clean,
        throttled=report.throttled + throttled,
        outages=report.outages + outage,
        clean_began=max(report.clean_began, began * clean),
        throttled_began=max(report.throttled_began, began * throttled),
        outage_began=max(report.outage_began, began * outage),
        pause_ms=max(report.pause_ms, pause_ms),
    )
