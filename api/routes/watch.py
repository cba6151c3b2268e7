"""The WebSocket endpoint."""

from urllib.parse import urlsplit

from fastapi import APIRouter, WebSocket

from api.metrics import SOCKETS
from api.parts import Parts
from api.sockets.frames import NO_SUBPROTOCOL, SUBPROTOCOL
from api.sockets.session import Session

router = APIRouter()


@router.websocket("/v1/ws")
async def watch(socket: WebSocket) -> None:
    """Serve `warren.v1`; a browser's page from another site is refused."""
    if not _same_site(socket):
        await socket.close()  # before accept: the handshake is answered with 403
        return
    if SUBPROTOCOL not in socket.scope.get("subprotocols", ()):
        await socket.accept()
        await socket.close(NO_SUBPROTOCOL, f"ask for the subprotocol {SUBPROTOCOL}")
        return
    await socket.accept(subprotocol=SUBPROTOCOL)
    parts: Parts = socket.state.parts
    with SOCKETS.track_inprogress():
        await Session(socket, parts).run()


def _same_site(socket: WebSocket) -> bool:
    """CORS does not cover WebSockets: a foreign page could use the visitor's network position."""
    origin = socket.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == socket.headers.get("host")
