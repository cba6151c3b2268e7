"""One GET or HEAD, followed through redirects; each hop goes to an address that was checked.

A host is resolved once for each hop and the connection goes to that very address, with the host's
name in `Host` and TLS: a name that changes its address after the check (DNS rebinding) gains
nothing.
"""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache

import httpx2

from worker.outbound import addresses
from worker.outbound.addresses import Allow, Resolve, allowed_addresses
from worker.outbound.asked import Asked
from worker.outbound.errors import TooLarge, TooManyRedirects, Unanswered

MOST_REDIRECTS = 5


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came back from the last hop; the body is as it was sent."""

    url: str
    status: int
    headers: dict[str, str]
    body: bytes
    truncated: bool
    charset: str | None
    redirects: tuple[str, ...]


class Fetcher:
    """Fetches URLs. It has no deadline of its own: run it under `asyncio.timeout`."""

    def __init__(
        self,
        *,
        allow: Allow = addresses.is_public,
        resolve: Resolve = addresses.resolve,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._allow = allow
        self._resolve = resolve
        self._tls = tls

    async def fetch(self, asked: Asked, *, most: int, truncate: bool = False) -> Fetched:
        """Return the answer with up to `most` bytes; raise one of the errors of this package."""
        passed: list[str] = []
        async with self._client() as client:
            while len(passed) <= MOST_REDIRECTS:
                async with self._answer(client, asked) as response:
                    if not response.has_redirect_location:
                        body, cut = await _read(response, most=most, truncate=truncate)
                        return _fetched(asked, response, body, cut, passed)
                    following = asked.redirected(response.headers["location"])
                passed.append(str(asked.url))
                asked = following
        raise TooManyRedirects(f"{passed[0]} redirects more than {MOST_REDIRECTS} times")

    def _client(self) -> httpx2.AsyncClient:
        # No proxy and no .netrc from the environment: they would go round the check.
        return httpx2.AsyncClient(verify=self._tls or _usual_tls(), trust_env=False, timeout=None)

    @asynccontextmanager
    async def _answer(
        self, client: httpx2.AsyncClient, asked: Asked
    ) -> AsyncIterator[httpx2.Response]:
        """Yield the answer of the first of the host's addresses that takes a connection."""
        found = await allowed_addresses(
            asked.host, asked.port, resolve=self._resolve, allow=self._allow
        )
        try:
            async with _first_answer(client, asked, found) as response:
                yield response
        except httpx2.RequestError as error:
            said = f"{type(error).__name__}: {error}".removesuffix(": ")
            raise Unanswered(f"no answer from {asked.host}: {said}") from error


@asynccontextmanager
async def _first_answer(
    client: httpx2.AsyncClient, asked: Asked, found: list[str]
) -> AsyncIterator[httpx2.Response]:
    response = None
    for address in found:
        try:
            response = await client.send(_request(client, asked, address), stream=True)
            break
        except httpx2.ConnectError:
            if address == found[-1]:
                raise
    assert response is not None
    try:
        yield response
    finally:
        await response.aclose()


def _request(client: httpx2.AsyncClient, asked: Asked, address: str) -> httpx2.Request:
    """Return the request for one address, in the name of its host."""
    return client.build_request(
        asked.method,
        asked.url.copy_with(host=address, fragment=None),
        headers=asked.headers | {"host": asked.url.netloc.decode("ascii")},
        extensions={"sni_hostname": asked.host},
    )


async def _read(response: httpx2.Response, *, most: int, truncate: bool) -> tuple[bytes, bool]:
    """Return the body, and whether it was cut."""
    body = bytearray()
    async for chunk in response.aiter_raw():  # not decompressed: a small body could become huge
        body += chunk
        if len(body) > most:
            if truncate:
                return bytes(body[:most]), True
            raise TooLarge(f"the body has more than max_bytes={most}; raise it, or set truncate")
    return bytes(body), False


def _fetched(
    asked: Asked, response: httpx2.Response, body: bytes, cut: bool, passed: list[str]
) -> Fetched:
    return Fetched(
        url=str(asked.url),
        status=response.status_code,
        headers=dict(response.headers.items()),
        body=body,
        truncated=cut,
        charset=response.charset_encoding,
        redirects=tuple(passed),
    )


@lru_cache(maxsize=1)
def _usual_tls() -> ssl.SSLContext:
    # Reading the machine's certificates takes longer than many a request.
    return ssl.create_default_context()
