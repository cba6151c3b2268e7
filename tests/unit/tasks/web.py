"""A small real web server that remembers what it was asked."""

import gzip
import ssl
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from deploy.local.ports import free_port


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]


class Web(ThreadingHTTPServer):
    """Answers by path; each `_path` method of its handler is one."""

    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", free_port()), _Handler)
        self.seen: list[Seen] = []
        self.let_go = threading.Event()
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)

    @property
    def port(self) -> int:
        return self.server_port

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent: clients that go away early are what some tests are about."""

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.let_go.set()
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Web

    def do_GET(self) -> None:
        self.server.seen.append(Seen(self.command, self.path, dict(self.headers.items())))
        parts = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        getattr(self, f"_{parts.path.strip('/')}")(asked)

    do_HEAD = do_GET  # noqa: N815 - the name that the base class looks for

    def _text(self, asked: dict[str, str]) -> None:
        charset = asked.get("charset", "utf-8")
        self._answer("Grüße aus Köln".encode(charset), f"text/plain; charset={charset}")

    def _binary(self, asked: dict[str, str]) -> None:
        self._answer(bytes(range(256)) * int(asked.get("times", "1")), "application/octet-stream")

    def _gzip(self, asked: dict[str, str]) -> None:
        body = gzip.compress(b"0" * 10_000_000)
        self._answer(body, "text/plain", headers={"Content-Encoding": "gzip"})

    def _status(self, asked: dict[str, str]) -> None:
        self._answer(b"as you wish", "text/plain", status=int(asked["code"]))

    def _to(self, asked: dict[str, str]) -> None:
        self._answer(b"elsewhere", "text/plain", status=302, headers={"Location": asked["url"]})

    def _loop(self, asked: dict[str, str]) -> None:
        left = int(asked["left"])
        self._to({"url": f"/loop?left={left - 1}"} if left else {"url": "/text"})

    def _stream(self, asked: dict[str, str]) -> None:
        """Send without a length, for ever, as fast as the client reads."""
        self.send_response(200)
        self.end_headers()
        while not self.server.let_go.is_set():
            self.wfile.write(b"x" * 10_000)

    def _drip(self, asked: dict[str, str]) -> None:
        """Send a byte now and then, for ever."""
        self.send_response(200)
        self.end_headers()
        while not self.server.let_go.wait(0.02):
            self.wfile.write(b"x")

    def _late(self, asked: dict[str, str]) -> None:
        self.server.let_go.wait(30)

    def _nonsense(self, asked: dict[str, str]) -> None:
        self.wfile.write(b"this is not HTTP\r\n\r\n")

    def _answer(
        self, body: bytes, kind: str, *, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        usual = {"Content-Type": kind, "Content-Length": str(len(body))}
        for name, value in (usual | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent."""
