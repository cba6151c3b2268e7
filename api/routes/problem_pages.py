"""A readable page for each type of problem: what it means, what to do, what it looks like."""

import json
from html import escape
from typing import Any

from fastapi import APIRouter, Request, Response

from api import pages
from api.answers import JSON
from api.problem_examples import EXAMPLES
from api.problems import KINDS, ProblemError, problem_body
from api.views import to_json

router = APIRouter(include_in_schema=False)


@router.get("/problems")
async def list_problems(request: Request) -> Response:
    """List every type of problem."""
    if _wants_json(request):
        return Response(to_json({"problems": [_view(slug) for slug in KINDS]}), media_type=JSON)
    rows = "".join(
        f'<li><a href="/problems/{slug}"><b>{kind.status}</b> <code>{slug}</code></a>'
        f"<p>{escape(kind.title)}</p>"
        for slug, kind in sorted(KINDS.items(), key=lambda each: (each[1].status, each[0]))
    )
    body = (
        '<main class="page"><h1>Problems</h1><p class="lead">What can go wrong with a request, '
        "and what to do about it. "
        "Errors are <code>application/problem+json</code>; their <code>type</code> is one of these "
        f'pages.</p><ul class="list">{rows}</ul></main>'
    )
    return _vary(pages.page("Warren: problems", body, here="problems"))


@router.get("/problems/{slug}")
async def show_problem(request: Request, slug: str) -> Response:
    """Explain one type of problem."""
    if slug not in KINDS:
        raise ProblemError(
            "not-found", f"there is no problem {slug[:80]!r}; GET /problems lists all"
        )
    if _wants_json(request):
        return Response(to_json(_view(slug)), media_type=JSON)
    return _vary(pages.page(f"Warren: {KINDS[slug].title}", _html(slug), here="problems"))


def _html(slug: str) -> str:
    kind, example = KINDS[slug], json.dumps(_example(slug), indent=2)
    again = (
        f"<p>The answer carries <code>Retry-After</code>, here {kind.retry_after} s.</p>"
        if kind.retry_after is not None
        else ""
    )
    return (
        '<main class="page"><p class="crumb"><a href="/problems">Problems</a></p>'
        f"<h1>{escape(kind.title)}</h1>"
        f'<p class="lead"><b>{kind.status}</b> <code>{slug}</code></p>'
        f"<h2>What to do</h2><p>{_marked(kind.remedy)}</p>{again}"
        f"<h2>What it looks like</h2><pre><code>{escape(example)}</code></pre></main>"
    )


def _view(slug: str) -> dict[str, Any]:
    kind = KINDS[slug]
    return {
        "type": f"/problems/{slug}",
        "status": kind.status,
        "title": kind.title,
        "remedy": kind.remedy,
        "retry_after": kind.retry_after,
        "example": _example(slug),
    }


def _example(slug: str) -> dict[str, Any]:
    detail, members = EXAMPLES.get(slug, (KINDS[slug].title, {}))
    return problem_body(ProblemError(slug, detail, members=members))


def _marked(text: str) -> str:
    """Return text as HTML; what stands in backticks is code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if n % 2 else part for n, part in enumerate(parts))


def _wants_json(request: Request) -> bool:
    accepted = request.headers.get("accept", "")
    return "json" in accepted and "text/html" not in accepted


def _vary(response: Response) -> Response:
    response.headers["Vary"] = "Accept"
    return response
