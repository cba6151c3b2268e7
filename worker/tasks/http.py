"""Fetching what is on the web."""

import asyncio
import base64
import time
from email.utils import parsedate_to_datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.infrastructure.settings import load
from warren import Job, RateLimited, task
from worker.outbound.addresses import is_public, is_unicast
from worker.outbound.asked import Asked
from worker.outbound.errors import TooSlow
from worker.outbound.fetcher import Fetched, Fetcher

TOO_MANY, UNAVAILABLE, SERVER_ERRORS = 429, 503, 500
_LONGEST_PAUSE = 86_400.0
MOST_BYTES = 3_000_000  # as base64 they still fit a result (WARREN_MAX_RESULT_BYTES)

Url = Annotated[
    str,
    StringConstraints(max_length=4096, pattern=r"^[Hh][Tt][Tt][Pp][Ss]?://[^/?#]"),
]
Headers = Annotated[dict[str, str], Field(max_length=50)]
Bytes = Annotated[int, Field(ge=0, le=MOST_BYTES)]
Seconds = Annotated[float, Field(gt=0, le=300)]


class HttpSettings(BaseSettings):
    """What an operator may set for `http.get`."""

    model_config = SettingsConfigDict(env_prefix="WARREN_", frozen=True, extra="ignore")

    http_allow_private: bool = False


class Answer(BaseModel):
    """What came back."""

    status: int
    url: str = Field(description="where the answer came from, after redirects")
    headers: dict[str, str] = Field(description="names in lower case; repeated ones are joined")
    body: str
    encoding: Literal["text", "base64"] = Field(description="how `body` holds the bytes")
    bytes: int = Field(description="length of the body as it was sent")
    truncated: bool
    redirects: list[str] = Field(description="the URLs that were left behind")
    elapsed_s: float


@task(queue="http", examples=[{"url": "https://example.com/"}])
async def get(
    job: Job,
    url: Url,
    method: Literal["GET", "HEAD"] = "GET",
    headers: Headers | None = None,
    max_bytes: Bytes = 1024 * 1024,
    timeout_s: Seconds = 10,
    truncate: bool = False,
) -> Answer:
    """Fetch a URL.

    Whatever the server answers is the result, 404 and 500 included. Only a job that takes from
    limits is put off by 429, and by 503 with Retry-After, as are all others that take from them.
    Only public addresses are asked, redirects (at most 5) are checked like the first URL, and
    proxies are not used.

    Args:
        url: an http or https URL without user name and password
        method: HEAD asks for the headers only
        headers: sent along; to another origin only Accept, Accept-Language and User-Agent follow
        max_bytes: a larger body fails the job, unless `truncate` is set
        timeout_s: for everything together, redirects included
        truncate: cut a body that is too large instead
    """
    began = time.monotonic()
    allow = is_unicast if load(HttpSettings).http_allow_private else is_public
    try:
        async with asyncio.timeout(timeout_s):
            asked = Asked.of(method, url, headers or {})
            fetched = await Fetcher(allow=allow).fetch(asked, most=max_bytes, truncate=truncate)
    except TimeoutError as error:
        raise TooSlow(f"the answer did not come whole within timeout_s={timeout_s:g}") from error
    if job.limits:
        heed(fetched, job)
    job.log("fetched", status=fetched.status, bytes=len(fetched.body), url=fetched.url)
    return _answer(fetched, elapsed_s=round(time.monotonic() - began, 4))


def heed(fetched: Fetched, job: Job) -> None:
    """Raise RateLimited if the server asks for a pause; tell of one that is out of order."""
    after_s = retry_after(fetched.headers.get("retry-after"), now=time.time())
    if fetched.status == TOO_MANY or (fetched.status == UNAVAILABLE and after_s is not None):
        raise RateLimited(after_s)
    if fetched.status >= SERVER_ERRORS:
        job.outage()


def retry_after(value: str | None, *, now: float) -> float | None:
    """Return the seconds that a Retry-After header means (RFC 9110, section 10.2.3), if any."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return min(_LONGEST_PAUSE, float(value))
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    return min(_LONGEST_PAUSE, max(0.0, at.timestamp() - now))


def _answer(fetched: Fetched, *, elapsed_s: float) -> Answer:
    text = _as_text(fetched)
    return Answer(
        status=fetched.status,
        url=fetched.url,
        headers=fetched.headers,
        body=base64.b64encode(fetched.body).decode() if text is None else text,
        encoding="base64" if text is None else "text",
        bytes=len(fetched.body),
        truncated=fetched.truncated,
        redirects=list(fetched.redirects),
        elapsed_s=elapsed_s,
    )


def _as_text(fetched: Fetched) -> str | None:
    """Return the body as text if it decodes: by its charset, or else as UTF-8."""
    if fetched.headers.get("content-encoding", "identity") != "identity":
        return None  # compressed, although we asked for it as it is
    try:
        text = fetched.body.decode(fetched.charset or "utf-8")
    except (LookupError, ValueError):
        return None
    return None if "\0" in text else text
