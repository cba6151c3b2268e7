"""Everything that lives as long as a gateway, and typed handles on it for routes."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from api.acceptance import Acceptance
from api.actions import Actions
from api.announcer import Announcer
from api.auth import Keys
from api.cancelling import Cancelling
from api.catalogue import Catalogue
from api.duplicates import Duplicates
from api.held import HeldQueues
from api.hub import Hub
from api.lanes.desk import Lanes
from api.pausing import Pausing
from api.rerunning import Rerunning
from api.workflows.desk import Workflows, open_workflows
from api.workflows.watching import WatchedWorkflows
from shared.contracts.events import Hint
from shared.infrastructure.api_keys import ApiKeys
from shared.infrastructure.bell_ringer import BellRinger
from shared.infrastructure.collections import ensure_indexes
from shared.infrastructure.control_sender import ControlSender
from shared.infrastructure.follow_ups import FollowUps
from shared.infrastructure.hint_feed import HintFeed
from shared.infrastructure.hint_sender import HintSender
from shared.infrastructure.idempotency import Idempotency
from shared.infrastructure.job_inserts import JobInserts
from shared.infrastructure.job_moves import JobMoves
from shared.infrastructure.job_outlines import JobOutlines
from shared.infrastructure.job_reads import JobReads
from shared.infrastructure.job_requests import JobRequests
from shared.infrastructure.job_slots import JobSlots
from shared.infrastructure.mongo import Database, open_mongo
from shared.infrastructure.pauses import Pauses
from shared.infrastructure.queue_depths import QueueDepths
from shared.infrastructure.queues import Queues
from shared.infrastructure.retention import Retention
from shared.infrastructure.settings import GatewaySettings
from shared.infrastructure.task_catalogue import TaskCatalogue
from shared.infrastructure.worker_rows import WorkerRows
from shared.infrastructure.workers import Workers
from shared.infrastructure.workflow.awaiting import Awaiting
from shared.infrastructure.workflow.overview import Overview
from shared.infrastructure.writes import until_stored


@dataclass(frozen=True, slots=True)
class Parts:
    """The open parts of a gateway."""

    settings: GatewaySettings
    database: Database
    acceptance: Acceptance
    duplicates: Duplicates
    reads: JobReads
    awaiting: Awaiting
    catalogue: Catalogue
    hub: Hub
    idempotency: Idempotency
    keys: Keys
    workers: Workers
    ringer: BellRinger
    cancelling: Cancelling
    rerunning: Rerunning
    actions: Actions
    depths: QueueDepths
    held: HeldQueues
    pausing: Pausing
    worker_rows: WorkerRows
    control: ControlSender
    workflows: Workflows
    lanes: Lanes


_PATIENCE = 30.0  # seconds for MongoDB to answer at the start


@asynccontextmanager
async def open_parts(settings: GatewaySettings) -> AsyncIterator[Parts]:
    """Open top to bottom; close bottom to top, even if opening stops half-way."""
    name = f"gateway-{socket.gethostname()}-{os.getpid()}"
    async with open_mongo(settings, app="warren-gateway") as database:
        await until_stored(lambda: ensure_indexes(database), patience=_PATIENCE)
        keys = Keys(ApiKeys(database), needed=settings.keys_needed)
        await until_stored(lambda: keys.open(settings), patience=_PATIENCE)
        catalogue = Catalogue(TaskCatalogue(database))
        await until_stored(catalogue.refresh, patience=_PATIENCE)
        pauses = Pauses(database)
        held = HeldQueues(Queues(database), pauses)
        await until_stored(held.refresh, patience=_PATIENCE)
        reads, inserts = JobReads(database), JobInserts(database)
        awaiting = Awaiting(database)
        hub = Hub(reads, awaiting, paused=lambda: held.paused)
        watched = WatchedWorkflows(Overview(database))
        feed = _ear(settings, name, hub, watched)
        async with (
            BellRinger(settings, f"{name}-bells").running() as ringer,
            HintSender(settings, f"{name}-hints").running() as hints,
            feed.running(),
            Announcer(
                ringer,
                inserts,
                hints,
                holds=held.keeps_back,
                line_up=lambda jobs: lanes.look_at(jobs),  # noqa: PLW0108 -- it is opened later
            ).running() as announcer,
            Lanes(
                database,
                hints,
                control := ControlSender(settings, hints),
                follow_ups := FollowUps(database, hints, announcer.announce_opened),
                ring=announcer.announce_opened,
            ).running() as lanes,
            Acceptance(catalogue, inserts, announcer, lanes).running() as acceptance,
            _loops(hub, catalogue, keys, held, idempotency := Idempotency(database)),
            AsyncExitStack() as exits,
        ):
            outlines, requests = JobOutlines(database), JobRequests(database)
            cancelling = lanes.cancelling
            moves = JobMoves(database)
            slots = JobSlots(database)
            duplicates = Duplicates(
                slots,
                moves,
                hints,
                store=acceptance.store_unless_held,
                announce=announcer.announce,
            )
            rerunning = Rerunning(reads, outlines, moves, requests, announcer, hints, slots)
            workflows = await exits.enter_async_context(
                open_workflows(database, reads, catalogue, cancelling, follow_ups, watched, held)
            )
            yield Parts(
                settings=settings,
                database=database,
                acceptance=acceptance,
                duplicates=duplicates,
                reads=reads,
                awaiting=awaiting,
                catalogue=catalogue,
                hub=hub,
                idempotency=idempotency,
                keys=keys,
                workers=Workers(database),
                ringer=ringer,
                cancelling=cancelling,
                rerunning=rerunning,
                actions=Actions(outlines, cancelling, rerunning, Retention(database)),
                depths=QueueDepths(database),
                held=held,
                pausing=Pausing(pauses, held, control),
                worker_rows=WorkerRows(database),
                control=control,
                workflows=workflows,
                lanes=lanes,
            )


def _ear(settings: GatewaySettings, name: str, hub: Hub, watched: WatchedWorkflows) -> HintFeed:
    """Return the feed from which both hear."""

    def on_hints(hints: list[Hint]) -> None:
        hub.on_hints(hints)
        watched.on_hints(hints)

    def on_gap() -> None:
        hub.on_gap()
        watched.on_gap()

    feed = HintFeed(settings, name, on_hints=on_hints, on_gap=on_gap)
    hub.listen_to(feed)
    watched.listen_to(feed)
    return feed


@asynccontextmanager
async def _loops(
    hub: Hub, catalogue: Catalogue, keys: Keys, held: HeldQueues, idempotency: Idempotency
) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        loops = [
            group.create_task(hub.run()),
            group.create_task(catalogue.keep_fresh()),
            group.create_task(keys.keep_fresh()),
            group.create_task(held.keep_fresh()),
            group.create_task(idempotency.tell_what_was_left()),
        ]
        try:
            yield
        finally:
            for loop in loops:
                loop.cancel()


async def _parts(request: Request) -> Parts:
    parts: Parts = request.state.parts
    return parts


PartsOf = Annotated[Parts, Depends(_parts)]
