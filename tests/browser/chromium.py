"""A real browser for tests: Chromium without a window, driven over its DevTools protocol.

Host names other than this machine's do not resolve in it, and whatever it asks for is written down.
"""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from tests.eventually import eventually

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-port=0",
)
_NAMES = ("chromium", "chromium-browser", "google-chrome")


def installed() -> str | None:
    """Return the path of a browser of this machine, if there is one."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


class Page:
    """One tab: what it asked for, what it complained about, and ways to look inside."""

    def __init__(self, socket: ClientConnection) -> None:
        self.asked: list[str] = []  # URLs
        self.complaints: list[str] = []  # refused loads, broken policies, errors in scripts
        self._socket = socket
        self._session: str | None = None
        self._numbers = count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}

    async def attach(self) -> None:
        """Make the tab and watch its network and its console."""
        target = await self._call("Target.createTarget", url="about:blank")
        attached = await self._call(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            await self._call(f"{domain}.enable")

    async def resize(self, width: int, height: int) -> None:
        """Make the window this large."""
        await self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip

    async def open(self, url: str) -> None:
        """Go to a page, and return once it is loaded."""
        await self._call("Page.navigate", url=url)
        await self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    async def until(self, condition: str, *, within: float = 30) -> None:
        """Wait until a JavaScript expression is true."""

        async def holds() -> bool:
            return bool(await self.value(f"!!({condition})"))

        await eventually(holds, within=within, what=condition)

    async def value(self, expression: str) -> Any:
        """Return the value of a JavaScript expression."""
        answer = await self._call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def listen(self) -> None:
        """Take in what the browser says, until it closes."""
        async for text in self._socket:
            message = json.loads(text)
            if waiting := self._answers.pop(message.get("id"), None):
                waiting.set_result(message)
            else:
                self._note(message.get("method"), message.get("params", {}))

    def _note(self, event: str | None, told: dict[str, Any]) -> None:
        match event:
            case "Network.requestWillBeSent":
                self.asked.append(told["request"]["url"])
            case "Network.webSocketCreated":
                self.asked.append(told["url"])
            case "Log.entryAdded" if told["entry"]["level"] == "error":
                self.complaints.append(told["entry"]["text"])
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(told["exceptionDetails"])[:500])

    async def _call(self, method: str, **parameters: Any) -> Any:
        number = next(self._numbers)
        frame: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self._session:
            frame["sessionId"] = self._session
        self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps(frame))
        async with asyncio.timeout(30):
            answer = await self._answers[number]
        assert "error" not in answer, answer
        return answer["result"]


@asynccontextmanager
async def open_page(program: str, profile: Path) -> AsyncIterator[Page]:
    """Start a browser with an empty profile, and open one tab in it."""
    process = await asyncio.create_subprocess_exec(
        program, *FLAGS, f"--user-data-dir={profile}", "about:blank",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        written = profile / "DevToolsActivePort"
        await eventually(lambda: written.exists() and "\n" in written.read_text(), within=30)
        port, path = written.read_text().splitlines()[:2]
        async with connect(f"ws://127.0.0.1:{port}{path}", max_size=None) as socket:
            page = Page(socket)
            listening = asyncio.create_task(page.listen())
            try:
                await page.attach()
                yield page
            finally:
                listening.cancel()
                with suppress(asyncio.CancelledError):
                    await listening
    finally:
        process.terminate()
        await process.wait()
