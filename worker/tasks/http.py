"""Fetching what is on the web."""

import asyncio
import base64
import time
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.infrastructure.settings import load
from warren import Job, task
from worker.outbound.addresses import is_public, is_unicast
from worker.outbound.asked import Asked
from worker.outbound.errors import TooSlow
from worker.outbound.fetcher import Fetched, Fetcher

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

    Whatever the server answers is the result, 404 and 500 included. Only public addresses are
    asked, redirects (at most 5) are checked like the first URL, and proxies are not used.

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
    job.log("fetched", status=fetched.status, bytes=len(fetched.body), url=fetched.url)
    return _answer(fetched, elapsed_s=round(time.monotonic() - began, 4))


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
