"""The composition root of a gateway: its application, and the server that carries it."""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from api.contract.document import Contract
from api.edge import Edge
from api.methods import Methods
from api.parts import Parts, open_parts
from api.problems import ProblemError, as_problem, problem_response
from api.routes import (
    bulk,
    caching,
    docs,
    events,
    health,
    jobs,
    lanes,
    limits,
    operating,
    pausing,
    problem_pages,
    schedules,
    steering,
    submit,
    tasks,
    watch,
    why,
    workflows,
)
from api.server import JoinedWritesProtocol
from shared.contracts.errors import BadSetting, InvalidInput, StoreUnavailable, WarrenError
from shared.contracts.submission import faults_of
from shared.infrastructure.logs import configure_logs
from shared.infrastructure.process import settle_memory
from shared.infrastructure.settings import GatewaySettings, load

_ROUTERS = (
    *(submit, bulk, jobs, steering, events, why, workflows, schedules, limits, tasks, lanes),
    *(operating, health, caching, pausing),
    *(watch, docs, problem_pages),
)


def create_app(parts: Callable[[], AbstractAsyncContextManager[Parts]]) -> Any:
    """Return the gateway as an ASGI application. Nothing opens before its lifespan starts."""
    opened: list[Parts] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Parts]]:
        async with parts() as these:
            opened.append(these)
            settle_memory()
            yield {"parts": these}

    app = FastAPI(
        title="Warren", version="1", lifespan=lifespan, openapi_url=None, redirect_slashes=False
    )
    app.state.contract = Contract(app.openapi)
    for kind in (WarrenError, ProblemError):
        app.add_exception_handler(kind, _answer)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(RequestValidationError, _answer_validation)
    for module in _ROUTERS:
        app.include_router(module.router)
    routes = [route for module in _ROUTERS for route in module.router.routes]
    return Edge(
        Methods(app, routes),
        parts=lambda: opened[0],
        straight={("POST", "/v1/jobs"): submit.submit_job},
    )


async def _answer(_: Request, error: Exception) -> Response:
    return problem_response(as_problem(error))


async def _answer_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        detail = f"{request.url.path} does not take {request.method}"
        return problem_response(
            ProblemError("method-not-allowed", detail, headers=dict(error.headers or {}))
        )
    if error.status_code == 404:
        return problem_response(
            ProblemError("not-found", f"there is nothing at {request.url.path}")
        )
    return problem_response(ProblemError("malformed-request", str(error.detail)))


async def _answer_validation(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return problem_response(as_problem(InvalidInput(faults_of(error.errors()))))


def main() -> int:
    """Serve until a signal; return the exit code."""
    try:
        settings = load(GatewaySettings)
    except BadSetting as error:
        return _refuse(error)
    configure_logs(settings.log)
    refusals: list[Exception] = []

    @asynccontextmanager
    async def parts() -> AsyncIterator[Parts]:
        try:
            async with open_parts(settings) as opened:
                yield opened
        except (BadSetting, StoreUnavailable) as error:
            refusals.append(error)
            raise

    server = uvicorn.Server(
        uvicorn.Config(
            create_app(parts),
            host=settings.host,
            port=settings.port,
            loop="uvloop",
            http=JoinedWritesProtocol,
            ws="websockets-sansio",
            ws_max_size=64 * 1024,
            ws_per_message_deflate=False,  # costs CPU, and lets a small frame unfold in memory
            access_log=False,
            proxy_headers=False,
            server_header=False,
            log_config=None,
            timeout_graceful_shutdown=10,
            timeout_keep_alive=30,
        )
    )
    server.run()
    if refusals:
        return _refuse(refusals[0])
    return 0 if server.started else 1


def _refuse(error: Exception) -> int:
    sys.stderr.write(f"warren gateway: {error}\n")
    return 1
