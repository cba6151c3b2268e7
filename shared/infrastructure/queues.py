"""Which queues have more runnable jobs than the broker should hold.

While a queue is `holding`, gateways store its jobs and do not ring: the keeper does, by priority,
as the window in the broker drains. Without a keeper every queue is holding: no worker is there.
"""

from datetime import timedelta

from shared.contracts.record import record
from shared.infrastructure.collections import QUEUES
from shared.infrastructure.leases import KEEPER, Leases
from shared.infrastructure.mongo import Database, translated

_NO_KEEPER = timedelta(seconds=30)  # after the end of the last lease: then nobody will refill soon


@record
class Held:
    """The queues for which only the keeper rings."""

    queues: frozenset[str] = frozenset()
    everything: bool = False  # no keeper lives, and so no worker

    def holds(self, queue: str) -> bool:
        """Say whether a new job of this queue is to wait for the keeper's bell."""
        return self.everything or queue in self.queues


class Queues:
    """The rows, one for each queue that was ever held; written only when that changes."""

    def __init__(self, database: Database) -> None:
        self._rows = database[QUEUES]
        self._leases = Leases(database)

    async def holding(self) -> set[str]:
        """Return the queues that are held."""
        with translated():
            found = await self._rows.find({"holding": True}, {"_id": 1}).to_list(None)
        return {row["_id"] for row in found}

    async def hold(self, queue: str, holding: bool) -> None:
        """Remember that a queue is held, or is no more."""
        with translated():
            await self._rows.update_one(
                {"_id": queue},
                {"$set": {"holding": holding}, "$currentDate": {"changed_at": True}},
                upsert=True,
            )

    async def held(self) -> Held:
        """Return what a gateway has to know before it rings; for a look each second or so."""
        lease = await self._leases.read(KEEPER)
        nobody = lease is not None and lease["ended_s"] > _NO_KEEPER.total_seconds()
        return Held(queues=frozenset(await self.holding()), everything=nobody)
