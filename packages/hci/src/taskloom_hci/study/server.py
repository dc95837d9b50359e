"""The server of a study: its page, the sockets of the people, and the desk of the researcher."""

from __future__ import annotations

import asyncio
import contextlib
import html
import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from taskloom_hci.errors import HciError
from taskloom_hci.study.protocol import ProtocolError, dump, error, parse
from taskloom_hci.study.register import DESK, VisitRegister
from taskloom_hci.study.visit import Visit
from taskloom_hci.study.words import words

PAGE = Path(__file__).with_name("page")
HELLO_WITHIN = 5.0  # [s]
RATE, BURST = 200.0, 400.0  # messages a second, and at once
NO_HELLO, ELSEWHERE, FLOOD = 4001, 4002, 4008
UNSAVED = 1011  # the server's own fault, in the words of the protocol
DESK_EVERY = 1.0  # [s]
_TYPES = {".js": "text/javascript", ".css": "text/css"}

_log = logging.getLogger(__name__)


class QuietServer(uvicorn.Server):
    """A server that leaves signals to the run, which ends it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


class Bucket:
    """A token bucket: so many messages a second, and so many at once."""

    def __init__(self) -> None:
        self._left, self._at = BURST, time.monotonic()

    def takes(self) -> bool:
        """Return whether one more message is within the limit."""
        now = time.monotonic()
        self._left = min(BURST, self._left + (now - self._at) * RATE)
        self._at = now
        self._left -= 1
        return self._left >= 0


class Keeper:
    """Writes the journals of visits before their answers go; with `fsync`, all of one turn of the loop together.

    Args:
        syncs: Whether what was written must survive a loss of power.
    """

    def __init__(self, *, syncs: bool) -> None:
        self._syncs = syncs
        self._waiting: dict[Visit, list[asyncio.Future[bool]]] = {}

    async def keep(self, visit: Visit) -> bool:
        """Wait until everything that a visit has noted is written, and return whether there was anything.

        Raises:
            OSError: It cannot be written.
        """
        if not self._syncs:
            return visit.journal.commit()
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._flush)
        future: asyncio.Future[bool] = loop.create_future()
        self._waiting.setdefault(visit, []).append(future)
        return await future

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, {}
        failures: dict[Visit, OSError] = {}
        written: set[Visit] = set()
        for visit in waiting:
            try:
                if visit.journal.commit():
                    written.add(visit)
            except OSError as problem:
                failures[visit] = problem
        # After all are written: the first sync of a file system often writes what the others have left to write.
        for visit in written:
            try:
                visit.journal.sync()
            except OSError as problem:
                failures[visit] = problem
        for visit, futures in waiting.items():
            for future in futures:
                if future.done():
                    continue
                if visit in failures:
                    future.set_exception(failures[visit])
                else:
                    future.set_result(visit in written)


class StudyServer:
    """The application that serves one study.

    Args:
        register: The visits.
        syncs: Whether events must survive a loss of power before they are answered.
        title: Title of the page.
        on_change: Called when a visit has ended, or the researcher ends the study (then with true).
    """

    def __init__(
        self, register: VisitRegister, *, syncs: bool, title: str, on_change: Callable[[bool], None]
    ) -> None:
        self.register, self.title, self._on_change = register, title, on_change
        self._keeper = Keeper(syncs=syncs)
        self._sockets: dict[str, WebSocket] = {}
        self._is_unsaved = False
        self.app = Starlette(
            routes=[
                Route("/", self._page),
                Route("/desk", self._desk_page),
                Route("/static/{name}", self._static),
                WebSocketRoute("/socket", self._socket),
                WebSocketRoute("/desk/socket", self._desk_socket),
            ]
        )

    # Pages -----------------------------------------------------------------------------------------------------------

    async def _page(self, request: Request) -> Response:
        if not _people(request.scope["access"]):
            return PlainTextResponse("This address is for the researcher.", 403)
        return HTMLResponse(self._filled("study.html"))

    async def _desk_page(self, request: Request) -> Response:
        if DESK not in request.scope["access"]:
            return PlainTextResponse("This page is for the researcher.", 403)
        return HTMLResponse(self._filled("desk.html"))

    async def _static(self, request: Request) -> Response:
        name = request.path_params["name"]
        path = PAGE / name
        if path.parent != PAGE or path.suffix not in _TYPES or not path.is_file():
            return PlainTextResponse("There is no such file.", 404)
        return FileResponse(path, media_type=_TYPES[path.suffix])

    def _filled(self, name: str) -> str:
        language = self.register.materials.config.study.language
        told = html.escape(json.dumps(dict(words()[language]), ensure_ascii=False))
        text = (PAGE / name).read_text(encoding="utf-8")
        text = text.replace("{language}", language).replace("{title}", html.escape(self.title))
        return text.replace("{words}", told)

    # The people ------------------------------------------------------------------------------------------------------

    async def _socket(self, socket: WebSocket) -> None:
        links = _people(socket.scope["access"])
        if not links:
            await socket.close(1008)
            return
        await socket.accept()
        visit: Visit | None = None
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            visit = await self._greet(socket, links)
            if visit is not None:
                await self._listen(socket, visit)
        if visit is not None and self._sockets.get(visit.id) is socket:
            del self._sockets[visit.id]

    async def _greet(self, socket: WebSocket, links: Sequence[str]) -> Visit | None:
        """Wait for the first message, and answer it; None closes the connection."""
        try:
            hello = parse(await asyncio.wait_for(socket.receive_text(), HELLO_WITHIN))
        except (TimeoutError, ProtocolError, KeyError):
            await socket.close(NO_HELLO)
            return None
        if hello["type"] != "hello":
            await socket.close(NO_HELLO)
            return None
        try:
            visit = self.register.enter(hello, links)
        except ProtocolError as refused:
            await socket.send_text(dump(error(refused.code, refused.text)))
            await socket.close(NO_HELLO)
            return None
        except OSError as problem:
            self._tell_unsaved(problem)
            await socket.close(UNSAVED)
            return None
        older = self._sockets.get(visit.id)
        self._sockets[visit.id] = socket
        if older is not None:
            with contextlib.suppress(RuntimeError):
                await older.close(ELSEWHERE)
        arrived = await self._deliver(visit)
        await self._deliver_others()
        return visit if arrived else None

    async def _listen(self, socket: WebSocket, visit: Visit) -> None:
        bucket = Bucket()
        while self._sockets.get(visit.id) is socket:
            try:
                text = await socket.receive_text()
            except KeyError:  # bytes, which the page never sends
                text = ""
            if self._sockets.get(visit.id) is not socket:
                return
            if not bucket.takes():
                await socket.close(FLOOD)
                return
            had_ended = visit.ended
            try:
                visit.receive(parse(text))
            except ProtocolError as problem:
                visit.refuse(problem)
            except HciError as problem:
                _log.warning("session %s: %s", visit.id, problem)
                visit.refuse(ProtocolError("illegal", "That was not possible."))
            if not await self._deliver(visit):
                return
            await self._deliver_others()
            if visit.ended != had_ended:
                self._ended(visit)

    def _ended(self, visit: Visit) -> None:
        if visit.ended == "withdrawn":
            self.register.withdrawn.add(visit)
            self.register.withdrawn.forget()
        self._on_change(False)

    async def _deliver(self, visit: Visit) -> bool:
        """Write what a visit has noted, then send what it answers; return false if it could not be written."""
        outbox, visit.outbox = visit.outbox, []
        try:
            is_written = await self._keeper.keep(visit)
        except OSError as problem:
            self._tell_unsaved(problem)
            for session in self.register.reload(visit):
                page = self._sockets.pop(session, None)
                if page is not None:
                    with contextlib.suppress(RuntimeError):
                        await page.close(UNSAVED)
            return False
        if self._is_unsaved and is_written:
            self._is_unsaved = False
            _log.warning("What people do is saved again.")
        socket = self._sockets.get(visit.id)
        if socket is not None:
            for message in outbox:
                await socket.send_text(dump(message))
        return True

    def _tell_unsaved(self, problem: OSError) -> None:
        """Tell the log once that nothing is kept, until something is again; pages try again every few seconds."""
        if not self._is_unsaved:
            _log.error(
                "What people do cannot be saved (%s): their pages say so, and go on once it can.",
                problem.strerror,
            )
        self._is_unsaved = True

    async def _deliver_others(self) -> None:
        """Send what visits have to tell although their people have sent nothing."""
        while self.register.stirred:
            other = self.register.stirred.pop()
            await self._deliver(other)
            if other.ended:
                self._on_change(False)

    async def look_after(self) -> None:
        """Let no person wait for ever for another; runs as long as the study does."""
        while True:
            await asyncio.sleep(DESK_EVERY)
            self.register.tick(self._sockets.keys())
            await self._deliver_others()

    # The researcher --------------------------------------------------------------------------------------------------

    async def _desk_socket(self, socket: WebSocket) -> None:
        if DESK not in socket.scope["access"]:
            await socket.close(1008)
            return
        await socket.accept()
        telling = asyncio.create_task(self._tell_desk(socket))
        with contextlib.suppress(WebSocketDisconnect, RuntimeError, KeyError):
            while True:
                if await socket.receive_text() == "end":
                    self._on_change(True)
        telling.cancel()

    async def _tell_desk(self, socket: WebSocket) -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while True:
                told: dict[str, Any] = {**self.register.progress(), "unsaved": self._is_unsaved}
                await socket.send_text(dump(told))
                await asyncio.sleep(DESK_EVERY)


def _people(links: Sequence[str]) -> list[str]:
    return [name for name in links if name != DESK]
