"""A worker's proof of life, sent from a thread of its own with a client of its own.

Neither a busy event loop nor a full thread pool delays it; but it beats only while the loop makes
progress, so that a thread cannot keep a dead loop alive. Between two primaries of MongoDB a lease
holds on (docs/decisions/0016): nobody can write, and keepers are patient afterwards.
"""

import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from datetime import timedelta
from functools import partial

from pymongo import ReturnDocument
from pymongo.collection import Collection as SyncCollection
from pymongo.errors import PyMongoError

from shared.infrastructure.collections import WORKERS
from shared.infrastructure.interregnum import Interregnum
from shared.infrastructure.last_writes import LastWrites
from shared.infrastructure.logs import get_logger
from shared.infrastructure.mongo import DURABLE, Document, open_sync_mongo
from shared.infrastructure.settings import WorkerSettings
from shared.infrastructure.workers import LIVE_STATES, WorkerRow, enlist, renew

log = get_logger(__name__)

_PAUSE = 0.2  # seconds between tries after a failure, and looks at a blocked loop
_LONGEST_TRY = timedelta(seconds=8)  # until a renewal has failed, at worst


class Heartbeat:
    """Renews the lease of one worker process, and knows until when it is proven."""

    def __init__(
        self,
        settings: WorkerSettings,
        row: WorkerRow,
        *,
        counts: Callable[[], Document],
        on_blocked_out: Callable[[LastWrites], None] = lambda _: None,
    ) -> None:
        self._settings = settings
        self._row = row
        self._counts = counts
        self._on_blocked_out = on_blocked_out  # called in the thread: the lease is lost
        self._lease = settings.lease
        self._every = settings.lease_s / 5
        self._proven_until = 0.0  # on the monotonic clock of this process
        self._holds_until = 0.0  # at most, without having been renewed
        self._calm = False  # all is well: the next beat has time
        self._loop_seen_at = time.monotonic()
        self._withheld = False
        self._stop = threading.Event()
        self._enlisted = threading.Event()
        run = partial(copy_context().run, self._run)  # its log lines name the worker too
        self._thread = threading.Thread(target=run, name="heartbeat", daemon=True)
        self.buried = False  # somebody declared this worker dead; it must end
        self.draining = False  # somebody wants this worker to take no more jobs

    @property
    def proven(self) -> bool:
        """Say whether no keeper can have given up on this worker yet."""
        return not self.buried and time.monotonic() < self._proven_until

    def start(self) -> None:
        """Start beating."""
        self._thread.start()

    def enlisted(self, timeout: timedelta) -> bool:
        """Wait until the row is stored; say whether it is. For a thread, not for the loop."""
        return self._enlisted.wait(timeout.total_seconds())

    def stop(self) -> None:
        """Stop beating; the row stays for the worker to close."""
        self._stop.set()

    def loop_is_alive(self) -> None:
        """Note that the event loop makes progress; called from the loop itself."""
        self._loop_seen_at = time.monotonic()

    def _run(self) -> None:
        with open_sync_mongo(self._settings, app="warren-heartbeat") as client:
            database = client.get_database(self._settings.mongo_db, write_concern=DURABLE)
            interregnum = Interregnum(
                lambda: client.topology_description.server_descriptions().values()
            )
            while not self._stop.is_set():
                now = time.monotonic()
                self._withheld = now - self._loop_seen_at >= 2 * self._every
                if self._withheld:
                    self._withhold(LastWrites(database), now)
                else:
                    self._beat(database[WORKERS], interregnum, now)
                calm = self._calm and not self._withheld
                self._stop.wait(self._every if calm else _PAUSE)

    def _withhold(self, writes: LastWrites, now: float) -> None:
        if self._enlisted.is_set() and now >= self._proven_until:
            log.error("heartbeat.lease_lost", reason="the event loop is blocked")
            self._on_blocked_out(writes)

    def _beat(
        self, rows: SyncCollection[Document], interregnum: Interregnum, sent_at: float
    ) -> None:
        self._calm = False
        try:
            if self._enlisted.is_set():
                self._renew(rows)
            else:
                rows.update_one({"_id": self._row.id}, enlist(self._row, self._lease), upsert=True)
        except PyMongoError as error:
            log.warning("heartbeat.failed", error=str(error)[:200])
            if interregnum.seen():
                self._hold_on()
            return
        # Counted from before the write was sent, less a fifth for clocks that run unevenly.
        self._proven_until = sent_at + self._lease.total_seconds() * 0.8
        self._holds_until = self._proven_until + self._lease.total_seconds()
        self._calm = True
        self._enlisted.set()
        interregnum.over()

    def _hold_on(self) -> None:
        """Nobody can give our jobs away now, nor soon: keepers had trouble too, and wait a lease.

        A lease that was unproven for a moment may be lost, and is not taken up again.
        """
        now = time.monotonic()
        if self.proven:
            held = now + min(self._lease / 2, _LONGEST_TRY).total_seconds()
            self._proven_until = max(self._proven_until, min(held, self._holds_until))

    def _renew(self, rows: SyncCollection[Document]) -> None:
        row = rows.find_one_and_update(
            {"_id": self._row.id, "state": {"$in": list(LIVE_STATES)}},
            renew(self._lease, self._counts()),
            {"state": 1},
            return_document=ReturnDocument.AFTER,
        )
        self.buried = row is None and not self._stop.is_set()
        self.draining = row is not None and row["state"] == "draining"
