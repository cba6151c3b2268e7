"""One WebSocket: its handshake, its subscriptions, and the two loops that read and send."""

import asyncio
from collections.abc import Coroutine
from contextlib import aclosing, suppress
from typing import Any

from fastapi import WebSocket, WebSocketDisconnect

from api.filters import read_filter
from api.hub import Change
from api.metrics import CUT, PUSHED
from api.parts import Parts
from api.problems import ProblemError, as_problem
from api.sockets import frames
from api.sockets.outbox import Outbox, Overflow
from shared.contracts.errors import Fault, InvalidInput, WarrenError
from shared.contracts.ids import is_id
from shared.infrastructure.logs import get_logger

log = get_logger(__name__)

_INIT_TIMEOUT = 5.0  # seconds
_SEND_TIMEOUT = 10.0  # seconds a reader may leave one frame untaken


class Closing(Exception):
    """Ends the session with a close code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, frames.close_reason(reason)


class Session:
    """Speaks `warren.v1` with one client."""

    def __init__(self, socket: WebSocket, parts: Parts) -> None:
        self._socket = socket
        self._parts = parts
        self._outbox = Outbox()
        self._subscriptions: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Serve until either side closes."""
        sender = asyncio.create_task(self._send())
        reader = asyncio.create_task(self._converse())
        try:
            await asyncio.wait({sender, reader}, return_when=asyncio.FIRST_COMPLETED)
            for ended in (reader, sender):
                if ended.done():
                    await self._conclude(ended)
                    break
        finally:
            tasks = [sender, reader, *self._subscriptions.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _conclude(self, ended: "asyncio.Task[None]") -> None:
        error = ended.exception()
        if isinstance(error, Closing):
            CUT.labels(str(error.code)).inc()
            with suppress(RuntimeError, OSError, TimeoutError, WebSocketDisconnect):
                async with asyncio.timeout(1):
                    await self._socket.close(error.code, error.reason)
        elif error is not None and not isinstance(error, WebSocketDisconnect | OSError):
            log.error("socket.failed", exc_info=error)
            with suppress(RuntimeError, OSError):
                await self._socket.close(1011, "internal error")

    async def _converse(self) -> None:
        greeted = self._parts.keys.needed
        if greeted:
            await self._greet()
        while True:
            frame = await self._read()
            match frame:
                case frames.Subscribe():
                    self._subscribe(frame)
                case frames.Unsubscribe():
                    self._unsubscribe(frame.id)
                case frames.Ping():
                    self._outbox.say(frames.PONG)
                case frames.ConnectionInit():
                    if greeted:
                        raise Closing(frames.BAD_MESSAGE, "connection_init came twice")
                    greeted = True
                    self._outbox.say(frames.ACK)

    async def _greet(self) -> None:
        """Expect connection_init with a key, in time."""
        try:
            async with asyncio.timeout(_INIT_TIMEOUT):
                frame = await self._read()
        except TimeoutError:
            raise Closing(frames.INIT_TIMEOUT, "connection_init did not come in time") from None
        if not isinstance(frame, frames.ConnectionInit):
            raise Closing(frames.UNAUTHENTICATED, "connection_init must come first")
        try:
            self._parts.keys.check(frame.token, "read")
        except ProblemError as problem:
            denied = problem.slug == "forbidden"
            code = frames.FORBIDDEN if denied else frames.UNAUTHENTICATED
            raise Closing(code, problem.detail) from None
        self._outbox.say(frames.ACK)

    async def _read(self) -> frames.Frame:
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1006))
        text = message.get("text")
        if text is None:
            raise Closing(frames.BAD_MESSAGE, "frames must be text")
        try:
            return frames.read_frame(text)
        except frames.BadFrame as error:
            raise Closing(frames.BAD_MESSAGE, str(error)) from error

    def _subscribe(self, frame: frames.Subscribe) -> None:
        if frame.id in self._subscriptions:
            raise Closing(frames.DUPLICATE_ID, f"subscription {frame.id} exists already")
        if len(self._subscriptions) >= self._parts.settings.max_subscriptions:
            raise Closing(frames.TOO_MANY_SUBSCRIPTIONS, "too many subscriptions on one socket")
        self._subscriptions[frame.id] = asyncio.create_task(self._follow(frame))

    def _unsubscribe(self, subscription: str) -> None:
        if task := self._subscriptions.pop(subscription, None):
            task.cancel()

    async def _follow(self, frame: frames.Subscribe) -> None:
        try:
            await self._subject(frame)
        except WarrenError as error:
            self._outbox.say(frames.error_frame(frame.id, as_problem(error)))
        finally:
            if self._subscriptions.get(frame.id) is asyncio.current_task():
                del self._subscriptions[frame.id]

    def _subject(self, frame: frames.Subscribe) -> Coroutine[Any, Any, None]:
        if frame.channel is not None:
            raise InvalidInput(
                [Fault("/channel", "this version of Warren does not serve this yet")]
            )
        if [frame.job, frame.workflow, frame.filter].count(None) != 2:
            fault = Fault("", "name one of `job`, `workflow` and `filter` to subscribe to")
            raise InvalidInput([fault])
        if frame.job is not None:
            return self._follow_job(frame.id, frame.job, frame.after)
        if frame.workflow is not None:
            return self._follow_workflow(frame.id, frame.workflow)
        return self._follow_filter(frame.id, frame.filter)

    async def _follow_job(self, subscription: str, job_id: str, after: int) -> None:
        if not is_id(job_id):
            raise InvalidInput([Fault("/job", "this is not a job id")])
        ended = asyncio.Event()

        def tell(change: Change) -> None:
            self._outbox.tell(subscription, change, then_complete=change.job.done)
            if change.job.done:
                ended.set()

        async with self._parts.hub.watching(job_id, tell, after=after) as job:
            if job.done and not ended.is_set():  # the client knew of the end already
                self._outbox.say(frames.complete_frame(subscription))
            else:
                await ended.wait()

    async def _follow_workflow(self, subscription: str, workflow_id: str) -> None:
        if not is_id(workflow_id):
            raise InvalidInput([Fault("/workflow", "this is not a workflow id")])
        changes = self._parts.workflows.following.changes(workflow_id)
        async with aclosing(changes):
            async for told in changes:
                frame = frames.workflow_frame(subscription, told)
                # A log line must not take the place of a change, nor a change that of a log line.
                key = object() if told.event == "job.log" else (subscription, told.id)
                self._outbox.put(key, frame)
                await self._outbox.room()
        self._outbox.say(frames.complete_frame(subscription))

    async def _follow_filter(self, subscription: str, wanted: Any) -> None:
        def tell(change: Change) -> None:
            self._outbox.tell(subscription, change, then_complete=False)

        async with self._parts.hub.watching_all(read_filter(wanted), tell):
            await asyncio.Event().wait()

    async def _send(self) -> None:
        """Send what the outbox holds; cut a reader that does not take it."""
        try:
            while True:
                frame = await self._outbox.next()
                async with asyncio.timeout(_SEND_TIMEOUT):
                    await self._socket.send_text(frame.decode())
                PUSHED.labels("frame").inc()
        except (Overflow, TimeoutError):
            raise Closing(frames.TOO_SLOW, "the reader is too slow; subscribe again") from None
