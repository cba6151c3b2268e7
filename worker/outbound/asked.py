"""What a client may ask to be sent: where to, and with which headers."""

from collections.abc import Mapping
from dataclasses import dataclass

import httpx2

from worker.outbound.errors import Refused

PORTS = {"http": 80, "https": 443}
USER_AGENT = "Warren"
# Not the caller's to set: the first tells whom we ask, the others how the bytes are framed.
_OURS = {"host", "connection", "content-length", "expect", "keep-alive", "te", "trailer",
         "transfer-encoding", "upgrade"}  # fmt: skip
# What may follow to another origin; anything else could be a secret meant for the first one.
_HARMLESS = {"accept", "accept-encoding", "accept-language", "user-agent"}
_DEFAULTS = {"accept": "*/*", "accept-encoding": "identity", "user-agent": USER_AGENT}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it is sent on one hop."""

    method: str
    url: httpx2.URL
    headers: dict[str, str]

    @classmethod
    def of(cls, method: str, url: str, headers: Mapping[str, str]) -> "Asked":
        """Return what is asked for; raise Refused if it may not be."""
        return cls(method, checked_url(url), _DEFAULTS | checked_headers(headers))

    def redirected(self, location: str) -> "Asked":
        """Return what is asked for on the next hop; raise Refused."""
        try:
            url = checked_url(str(self.url.join(location)))
        except httpx2.InvalidURL as error:
            raise Refused(f"{self.url} redirects to what is not a URL: {error}") from error
        same = url.origin == self.url.origin
        headers = {n: v for n, v in self.headers.items() if same or n in _HARMLESS}
        return Asked(self.method, url, headers)

    @property
    def host(self) -> str:
        """Return the host as DNS and TLS know it."""
        return self.url.raw_host.decode("ascii")

    @property
    def port(self) -> int:
        """Return the port to connect to."""
        return self.url.port or PORTS[self.url.scheme]


def checked_url(url: str) -> httpx2.URL:
    """Return the URL in parts; raise Refused unless it is plain http or https."""
    try:
        parts = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise Refused(f"this is not a URL: {error}") from error
    if parts.scheme not in PORTS:
        raise Refused(f"only http and https can be fetched, not {url[:60]!r}")
    if not parts.host:
        raise Refused(f"the URL {url[:60]!r} names no host")
    if parts.userinfo:
        raise Refused("the URL holds a user name or password; send an Authorization header instead")
    if parts.port is not None and not 0 < parts.port < 65536:
        raise Refused(f"{parts.port} is not a port")
    return parts


def checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers by lower-case name; raise Refused for those a caller may not set."""
    for name, value in headers.items():
        if name.lower() in _OURS or name.lower().startswith("proxy-"):
            raise Refused(f"the header {name!r} cannot be set; leave it out")
        if not _is_token(name):
            raise Refused(f"{name[:60]!r} is not a header name")
        if not (value.isascii() and value.replace("\t", " ").isprintable()):
            raise Refused(f"the header {name!r} holds characters that HTTP cannot carry")
    return {name.lower(): value for name, value in headers.items()}


def _is_token(name: str) -> bool:
    """Say whether this is a token of RFC 9110, section 5.6.2."""
    return (
        name.isascii() and bool(name) and all(c.isalnum() or c in "!#$%&'*+-.^_`|~" for c in name)
    )
