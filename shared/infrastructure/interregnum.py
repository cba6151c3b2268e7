"""Telling a database between two primaries from a network that has cut only us off."""

from collections.abc import Callable, Iterable
from typing import Protocol


class MemberSeen(Protocol):
    """One member of the replica set, as the driver last saw it (a `ServerDescription`)."""

    @property
    def server_type_name(self) -> str:
        """Return `RSPrimary`, `RSSecondary`, or `Unknown` if it does not answer us."""

    @property
    def last_write_date(self) -> float | None:
        """Return when the newest write was made that it has."""


class Interregnum:
    """Says whether nobody at all can write, as far as one client can see.

    That is so while most members answer us, none of them is primary, and nothing new has been
    written to them since we last looked: a primary that others still reach would have.
    """

    def __init__(self, members: Callable[[], Iterable[MemberSeen]]) -> None:
        self._members = members
        self._written_at: float | None = None

    def seen(self) -> bool:
        """Look at the members; to be called after each failure, and only then."""
        members = list(self._members())
        kinds = [member.server_type_name for member in members]
        if "RSPrimary" in kinds or 2 * kinds.count("RSSecondary") <= len(kinds):
            self._written_at = None
            return False
        newest = max(member.last_write_date or 0.0 for member in members)
        before, self._written_at = self._written_at, newest
        return before is None or newest == before

    def over(self) -> None:
        """Note that a write has succeeded."""
        self._written_at = None
