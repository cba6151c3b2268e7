"""Where the service is and who is asking."""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import urlsplit

from warren.errors import Unreachable

_DEFAULT_URL = "http://127.0.0.1:8000"


@dataclass(frozen=True)
class Address:
    """A service's base URL, and the API key to show it, if it wants one."""

    url: str
    api_key: str | None = None

    @classmethod
    def of(cls, url: str | None = None, api_key: str | None = None) -> Address:
        """As given, or else from WARREN_URL and WARREN_API_KEY."""
        url = url or os.environ.get("WARREN_URL") or _DEFAULT_URL
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ValueError(f"WARREN_URL must look like {_DEFAULT_URL}, not {url!r}")
        return cls(url.rstrip("/"), api_key or os.environ.get("WARREN_API_KEY") or None)

    @property
    def headers(self) -> dict[str, str]:
        """The headers that go with every request."""
        return {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}

    @property
    def websocket(self) -> str:
        """The address of the WebSocket."""
        return "ws" + self.url.removeprefix("http") + "/v1/ws"

    def unreachable(self, error: Exception) -> Unreachable:
        """A driver's error as ours."""
        said = f"{type(error).__name__}: {error}".removesuffix(": ")
        failure = Unreachable(f"no answer from {self.url} ({said}); is WARREN_URL right?")
        failure.__cause__ = error
        return failure

    def __repr__(self) -> str:
        return f"Address({self.url!r})"  # never the key: reprs end up in logs
