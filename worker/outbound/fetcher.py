"""One GET or HEAD, followed through redirects; each hop goes to an address that was checked.

A host is resolved once for each hop and the connection goes to that very address, with the host's
name in `Host` and TLS: a name that changes its address after the check (DNS rebinding) gains nothing.
"""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache

import httpx2

from worker.outbound.addresses import Allow, Resolve, allowed_addresses, is_public
from worker.outbound.addresses import resolve as system_resolve
from worker.outbound.errors import Refused, TooLarge, TooManyRedirects, Unanswered

MOST_REDIRECTS = 5
USER_AGENT = "Warren (http.get)"
_PORTS = {"http": 80, "https": 443}
# Not the caller's to set: the first tells whom we ask, the others how the bytes are framed.
_OURS = {"host", "connection", "content-length", "expect", "te", "trailer", "transfer-encoding",
         "upgrade"}  # fmt: skip
# What may follow to another origin; anything else could be a secret meant for the first one.
_HARMLESS = {"accept", "accept-language", "user-agent"}


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came back from the last hop."""

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
        allow: Allow = is_public,
        resolve: Resolve = system_resolve,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._allow = allow
        self._resolve = resolve
        self._tls = tls

    async def fetch(
        self, url: str, *, method: str, headers: Mapping[str, str], most: int, truncate: bool
    ) -> Fetched:
        """Return the answer; raise one of the errors of this package."""
        target = checked_url(url)
        sent = {"user-agent": USER_AGENT} | checked_headers(headers)
        passed: list[str] = []
        async with self._client() as client:
            while True:
                async with self._one_hop(client, method, target, sent) as response:
                    if not response.has_redirect_location:
                        body, truncated = await _read(response, most=most, truncate=truncate)
                        return _fetched(target, response, body, truncated, tuple(passed))
                    passed.append(str(target))
                    following = _next_url(target, response, passed)
                if following.origin != target.origin:
                    sent = {name: value for name, value in sent.items() if name in _HARMLESS}
                target = following

    def _client(self) -> httpx2.AsyncClient:
        # No proxy and no .netrc from the environment: they would go round the check.
        return httpx2.AsyncClient(verify=self._tls or _usual_tls(), trust_env=False, timeout=None)

    @asynccontextmanager
    async def _one_hop(
        self, client: httpx2.AsyncClient, method: str, url: httpx2.URL, headers: Mapping[str, str]
    ) -> AsyncIterator[httpx2.Response]:
        host = url.raw_host.decode("ascii")
        port = url.port or _PORTS[url.scheme]
        addresses = await allowed_addresses(host, port, resolve=self._resolve, allow=self._allow)
        response = await self._send(client, method, url, headers, addresses)
        try:
            yield response
        except httpx2.RequestError as error:
            raise _unanswered(url, error) from error
        finally:
            await response.aclose()

    async def _send(
        self,
        client: httpx2.AsyncClient,
        method: str,
        url: httpx2.URL,
        headers: Mapping[str, str],
        addresses: list[str],
    ) -> httpx2.Response:
        """Ask the first address that takes a connection."""
        for address in addresses:
            request = client.build_request(
                method,
                url.copy_with(host=address),
                headers={"accept": "*/*", "accept-encoding": "identity", **headers}
                | {"host": url.netloc.decode("ascii")},
                extensions={"sni_hostname": url.raw_host.decode("ascii")},
            )
            try:
                return await client.send(request, stream=True)
            except httpx2.ConnectError as error:
                failure = _unanswered(url, error)
            except httpx2.RequestError as error:
                raise _unanswered(url, error) from error
        raise failure


def checked_url(url: str) -> httpx2.URL:
    """Return the URL in parts; raise Refused unless it is plain http or https."""
    try:
        parts = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise Refused(f"this is not a URL: {error}") from error
    if parts.scheme not in _PORTS:
        raise Refused(f"only http and https can be fetched, not {parts.scheme or 'this'!r}")
    if not parts.host:
        raise Refused("the URL names no host")
    if parts.userinfo or b"@" in _authority(url):
        raise Refused("the URL holds a user name or password; send an Authorization header instead")
    if parts.port is not None and not 0 < parts.port < 65536:
        raise Refused(f"{parts.port} is not a port")
    return parts


def checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers by lower-case name; raise Refused for those a caller may not set."""
    checked: dict[str, str] = {}
    for name, value in headers.items():
        low = name.lower()
        if low in _OURS or low.startswith("proxy-"):
            raise Refused(f"the header {name!r} cannot be set; leave it out")
        if not (
            name.isascii() and name and all(c.isalnum() or c in "!#$%&'*+-.^_`|~" for c in name)
        ):
            raise Refused(f"{name!r} is not a header name")
        if not (value.isascii() and (value.isprintable() or not value.replace("\t", "").strip())):
            raise Refused(f"the header {name!r} holds characters that HTTP cannot carry")
        checked[low] = value
    return checked


def _authority(url: str) -> bytes:
    return url.partition("//")[2].replace("\\", "/").split("/", 1)[0].split("?")[0].encode()


def _next_url(target: httpx2.URL, response: httpx2.Response, passed: list[str]) -> httpx2.URL:
    if len(passed) > MOST_REDIRECTS:
        raise TooManyRedirects(f"{passed[0]} redirects more than {MOST_REDIRECTS} times")
    try:
        following = target.join(response.headers["location"])
    except httpx2.InvalidURL as error:
        raise Refused(f"{target} redirects to what is not a URL: {error}") from error
    return checked_url(str(following.copy_with(fragment=None)))


async def _read(response: httpx2.Response, *, most: int, truncate: bool) -> tuple[bytes, bool]:
    """Return the body as it was sent, and whether it was cut at `most` bytes."""
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > most:
            if truncate:
                return bytes(body[:most]), True
            raise TooLarge(f"the body has more than max_bytes={most}; ask for less, or truncate")
    return bytes(body), False


def _fetched(
    url: httpx2.URL,
    response: httpx2.Response,
    body: bytes,
    truncated: bool,
    redirects: tuple[str, ...],
) -> Fetched:
    return Fetched(
        url=str(url),
        status=response.status_code,
        headers={name: value for name, value in response.headers.items()},
        body=body,
        truncated=truncated,
        charset=response.charset_encoding,
        redirects=redirects,
    )


def _unanswered(url: httpx2.URL, error: Exception) -> Unanswered:
    said = f"{type(error).__name__}: {error}".removesuffix(": ")
    return Unanswered(f"no answer from {url.host}: {said}")


@lru_cache(maxsize=1)
def _usual_tls() -> ssl.SSLContext:
    # Reading the machine's certificates takes longer than many a request.
    return ssl.create_default_context()
