"""Which bands of queues have more runnable jobs than the broker should hold.

While a band is `holding`, gateways store its jobs and do not ring: the keeper does, as the window
in the broker drains. Without a keeper every band is holding: no worker is there.
"""

from datetime import timedelta

from shared.contracts.record import record
from shared.infrastructure.collections import QUEUES
from shared.infrastructure.leases import KEEPER, Leases
from shared.infrastructure.mongo import Database, translated

_NO_KEEPER = timedelta(seconds=30)  # after the end of the last lease: then nobody will refill soon


@record
class Held:
    """The bands for which only the keeper rings."""

    bands: frozenset[str] = frozenset()
    everything: bool = False  # no keeper lives, and so no worker

    def holds(self, band: str) -> bool:
        """Say whether a new job of this band is to wait for the keeper's bell."""
        return self.everything or band in self.bands


class Queues:
    """The rows, one for each band that was ever held; written only when that changes."""

    def __init__(self, database: Database) -> None:
        self._rows = database[QUEUES]
        self._leases = Leases(database)

    async def holding(self) -> set[str]:
        """Return the bands that are held."""
        with translated():
            found = await self._rows.find({"holding": True}, {"_id": 1}).to_list(None)
        return {row["_id"] for row in found}

    async def hold(self, band: str, holding: bool) -> None:
        """Remember that a band is held, or is no more."""
        with translated():
            await self._rows.update_one(
                {"_id": band},
                {"$set": {"holding": holding}, "$currentDate": {"changed_at": True}},
                upsert=True,
            )

    async def held(self) -> Held:
        """Return what a gateway has to know before it rings; for a look each second or so."""
        lease = await self._leases.read(KEEPER)
        nobody = lease is not None and lease["ended_s"] > _NO_KEEPER.total_seconds()
        return Held(bands=frozenset(await self.holding()), everything=nobody)
