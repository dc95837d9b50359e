"""Routes of the viewer."""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    HTMLResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route

from taskloom.errors import RunCorruptError, TaskloomError
from taskloom.records.folders import look_at
from taskloom.records.names import is_id
from taskloom.runs.run import Run
from taskloom.studies.record import study_names
from taskloom.sweeps.record import is_sweep
from taskloom.view import pages, sweeps
from taskloom.view.artifacts import artifact_response
from taskloom.view.asked import Asked
from taskloom.view.live import news
from taskloom.view.samples import samples_page
from taskloom.view.studies import study_view
from taskloom.view.sweeps import SCRIPT
from taskloom.view.table import runs_page

COMPARE_LIMIT = 20
"""Runs in one comparison."""


def make_app(store: Path) -> Starlette:
    """Return the application that shows one run store."""

    async def runs(request: Request) -> Response:
        return HTMLResponse(
            await run_in_threadpool(runs_page, store, Asked.of(request.query_params.multi_items()))
        )

    async def run(request: Request) -> Response:
        name = request.path_params["run"]
        if _is_sweep(store, name):
            return RedirectResponse(sweeps.address(name), 307)
        found = _run(store, name)
        return HTMLResponse(await run_in_threadpool(pages.live_page, found))

    async def live(request: Request) -> Response:
        found = _run(store, request.path_params["run"])
        return StreamingResponse(news(found.dir), media_type="text/event-stream")

    async def file(request: Request) -> Response:
        found = _run(store, request.path_params["run"])
        try:
            return artifact_response(found.dir, request.path_params["name"])
        except RunCorruptError:
            raise HTTPException(404, "There is no such artifact.") from None

    async def samples(request: Request) -> Response:
        found = _run(store, request.path_params["run"])
        return HTMLResponse(
            await run_in_threadpool(samples_page, found, dict(request.query_params))
        )

    async def study(request: Request) -> Response:
        name = request.path_params["study"]
        if name not in study_names(store):
            raise HTTPException(404, "There is no such study.")
        return HTMLResponse(await run_in_threadpool(study_view, store, name, SCRIPT))

    async def sweep_list(request: Request) -> Response:
        del request
        return HTMLResponse(await run_in_threadpool(sweeps.sweeps_page, store))

    async def sweep(request: Request) -> Response:
        name = request.path_params["sweep"]
        if not _is_sweep(store, name):
            raise HTTPException(404, "There is no such sweep.")
        return HTMLResponse(await run_in_threadpool(sweeps.sweep_page, store, name))

    async def compare(request: Request) -> Response:
        names = list(dict.fromkeys(request.query_params.getlist("run")))
        if not 2 <= len(names) <= COMPARE_LIMIT:
            raise HTTPException(400, f"Tick between 2 and {COMPARE_LIMIT} runs.")
        found = [_run(store, name) for name in names]
        return HTMLResponse(await run_in_threadpool(pages.compare_page, found))

    async def script(request: Request) -> Response:
        del request
        return FileResponse(Path(__file__).with_name("view.js"), media_type="text/javascript")

    async def refused(request: Request, error: Exception) -> Response:
        del request
        status, text = 500, "The viewer failed; the terminal has the details."
        if isinstance(error, HTTPException):
            status, text = error.status_code, error.detail
        elif isinstance(error, TaskloomError):
            # What a folder holds is no fault of the viewer.
            status = 404 if isinstance(error, RunCorruptError) else status
            text = error.message
        return HTMLResponse(pages.problem_page(status, text), status)

    return Starlette(
        routes=[
            Route("/", runs),
            Route("/compare", compare),
            Route("/studies/{study}/", study),
            Route("/sweeps/", sweep_list),
            Route("/sweeps/{sweep}/", sweep),
            Route("/static/view.js", script),
            Route("/runs/{run}/", run),
            Route("/runs/{run}/live", live),
            Route("/runs/{run}/samples", samples),
            Route("/runs/{run}/artifacts/{name:path}", file),
        ],
        exception_handlers={HTTPException: refused, TaskloomError: refused},
    )


def _is_sweep(store: Path, name: str) -> bool:
    return is_id(name) and not (store / name).is_symlink() and is_sweep(store / name)


def _run(store: Path, name: str) -> Run:
    if look_at(store, name) is None:
        raise HTTPException(404, "There is no such run.")
    try:
        return Run(store / name)
    except RunCorruptError as error:
        raise HTTPException(404, error.message) from None
