"""HTML pages and their files: one template, a strict policy, nothing from outside."""

import gzip
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import Final

from fastapi import Request, Response

_OWN: Final = Path(__file__).parent / "static"
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_KINDS: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    "": "text/plain; charset=utf-8",
}
SWAGGER_UI: Final = ("swagger-ui.css", "swagger-ui-bundle.js", "LICENSE")
"""The files of Swagger UI that we serve. They come from a package, with their licence."""
OWN: Final = ("warren.css", "docs.css", "docs.js", "realtime.js", "favicon.svg")
"""Our own files."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is served."""

    body: bytes
    packed: bytes
    media_type: str
    etag: str


@cache
def asset(name: str) -> Asset | None:
    """Return a file by its path below /static/; None if there is no such file."""
    folder, _, file = name.rpartition("/")
    if folder == "" and file in OWN:
        body = (_OWN / file).read_bytes()
    elif folder == "swagger-ui" and file in SWAGGER_UI:
        package = resources.files("fastapi_standalone_docs")
        body = (package / "static" / "swagger" / file).read_bytes()
    else:
        return None
    etag = f'"{sha256(body).hexdigest()[:32]}"'
    return Asset(body, gzip.compress(body, 6), _KINDS[Path(file).suffix], etag)


def serve(request: Request, found: Asset) -> Response:
    """Answer with a file: 304 if the browser has it, packed if the browser takes that."""
    headers = {
        "ETag": found.etag,
        "Cache-Control": "public, max-age=3600",
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }
    if unchanged(request, found.etag):
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(found.packed, media_type=found.media_type, headers=headers)
    return Response(found.body, media_type=found.media_type, headers=headers)


def unchanged(request: Request, etag: str) -> bool:
    """Say whether the caller has the version with this entity tag."""
    given = request.headers.get("if-none-match", "")
    return etag in [each.strip().removeprefix("W/") for each in given.split(",")]


def page(title: str, body: str, *, here: str = "", head: str = "") -> Response:
    """Return a page of ours around `body`, which is HTML; `here` marks a link of the top line."""
    html = Template(_text("page.html")).substitute(
        title=escape(title), body=body, head=head, **_marks(here)
    )
    return Response(html, media_type="text/html; charset=utf-8", headers=_HEADERS)


def fragment(name: str) -> str:
    """Return the HTML inside one of our pages."""
    return _text(f"{name}.html")


def _marks(here: str) -> dict[str, str]:
    return {
        name: ' aria-current="page"' if name == here else ""
        for name in ("docs", "realtime", "problems")
    }


@cache
def _text(name: str) -> str:
    return (_OWN / name).read_text()
