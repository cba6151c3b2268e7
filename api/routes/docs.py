"""Pages for people and documents for tools: /, /docs, /docs/realtime, and what they are made of."""

from html import escape
from string import Template

from fastapi import APIRouter, Request, Response

from api import pages
from api.answers import JSON
from api.asyncapi import CLOSE_CODES, print_asyncapi
from api.contract.document import Contract
from api.parts import PartsOf
from api.problems import ProblemError

router = APIRouter(include_in_schema=False)

_REVALIDATE = {"Cache-Control": "no-cache"}


@router.get("/")
async def landing(request: Request) -> Response:
    """Show a newcomer where to go, and one command that works."""
    body = Template(pages.fragment("landing")).substitute(origin=_origin(request))
    return pages.page("Warren", body)


@router.get("/docs")
async def docs() -> Response:
    """Show the OpenAPI document with a form for each task, without asking anybody outside."""
    head = (
        '<link rel="stylesheet" href="/static/swagger-ui/swagger-ui.css">'
        '<link rel="stylesheet" href="/static/docs.css">'
        '<script src="/static/swagger-ui/swagger-ui-bundle.js" defer></script>'
        '<script src="/static/docs.js" defer></script>'
    )
    return pages.page("Warren: the API", pages.fragment("docs"), here="docs", head=head)


@router.get("/docs/realtime")
async def realtime() -> Response:
    """Explain the WebSocket protocol, with a box to try it."""
    rows = "".join(
        f"<tr><td><code>{code}</code><td>{why}" for code, why in sorted(CLOSE_CODES.items())
    )
    body = Template(pages.fragment("realtime")).substitute(close_codes=rows)
    head = '<script src="/static/realtime.js" defer></script>'
    return pages.page("Warren: live jobs", body, here="realtime", head=head)


@router.get("/favicon.ico")
async def favicon(request: Request) -> Response:
    """Answer browsers that ask before they have read a page."""
    return static(request, "favicon.svg")


@router.get("/static/{name:path}")
async def static_file(request: Request, name: str) -> Response:
    """Serve the files of our pages."""
    return static(request, name)


@router.get("/openapi.json")
async def openapi(request: Request, parts: PartsOf) -> Response:
    """Print the OpenAPI document; it changes with the catalogue."""
    contract: Contract = request.app.state.contract
    printed = contract.printed(
        lambda: parts.catalogue.entries,
        revision=parts.catalogue.revision,
        keys_needed=parts.keys.needed,
    )
    headers = {"ETag": printed.etag, **_REVALIDATE}
    if pages.unchanged(request, printed.etag):
        return Response(status_code=304, headers=headers)
    return Response(printed.body, media_type=JSON, headers=headers)


@router.get("/asyncapi.json")
async def asyncapi(request: Request, parts: PartsOf) -> Response:
    """Print the AsyncAPI document of the WebSocket and of what travels on RabbitMQ."""
    body = print_asyncapi(
        parts.settings.namespace, host=request.url.netloc, secure=_secure(request)
    )
    return Response(body, media_type=JSON, headers=_REVALIDATE)


def static(request: Request, name: str) -> Response:
    """Answer with a file, or a 404 problem."""
    found = pages.asset(name)
    if found is None:
        raise ProblemError("not-found", f"there is no file {name[:80]!r}")
    return pages.serve(request, found)


def _secure(request: Request) -> bool:
    return request.url.scheme == "https"


def _origin(request: Request) -> str:
    return escape(f"{request.url.scheme}://{request.url.netloc}")
