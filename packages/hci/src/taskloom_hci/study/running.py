"""The run of a study: the server, its addresses, and what it remembers between two attempts."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import socket
import sys
from collections.abc import Iterator
from typing import Any

import uvicorn
from taskloom import Result, RunContext
from taskloom.errors import UsageError
from taskloom.secrets.digests import keyed_digest
from taskloom.view.access import AccessLink
from taskloom.view.security import Guard
from taskloom.view.serve import listen

from taskloom_hci.recordings.blocks import CONDITIONS, SESSIONS
from taskloom_hci.study.config import StudyConfig
from taskloom_hci.study.materials import Materials
from taskloom_hci.study.noted import STATE, digest_of, read_state
from taskloom_hci.study.participant import simulate
from taskloom_hci.study.register import DESK, EVERYONE, SIMULATED, SINGLE, VisitRegister
from taskloom_hci.study.server import QuietServer, StudyServer

ADDRESS = "127.0.0.1"
LOOKS_EVERY = 0.1  # [s] between looks at the wish to stop


class Running:
    """The run of a study.

    Args:
        config: The study.
        ctx: The run.
    """

    def __init__(self, config: StudyConfig, ctx: RunContext) -> None:
        self.config, self.ctx = config, ctx
        self.folder = ctx.dir
        self.known = read_state(self.folder)
        self.is_frozen = config.freeze or bool(self.known.get("frozen"))
        self.is_ended = False
        self.materials = Materials(config, ctx.dir.name)

    def run(self) -> Result:
        """Serve until the study is over, or the run is asked to end."""
        ctx, config = self.ctx, self.config
        conditions = self.folder / CONDITIONS
        conditions.parent.mkdir(parents=True, exist_ok=True)
        conditions.write_text(
            json.dumps({"conditions": self.materials.table}), encoding="utf-8", newline="\n"
        )
        register = VisitRegister(self.materials, self.folder / SESSIONS, is_frozen=self.is_frozen)
        if ctx.latest_checkpoint is None:
            # So that a study that was interrupted goes on, instead of beginning anew.
            with ctx.checkpoint(0) as folder:
                (folder / "begun").write_text("", encoding="utf-8", newline="\n")
        try:
            with _listener(config.port or int(self.known.get("port", 0)), config.port) as listener:
                port = listener.getsockname()[1]
                self._remember(port)
                with _little_garbage():
                    asyncio.run(self._serve(register, listener, port))
            told = register.progress()
        finally:
            register.close()
        return self._result(told)

    def _remember(self, port: int) -> None:
        told = {"port": port, "frozen": self.is_frozen, "digest": digest_of(self.config)}
        (self.folder / STATE).write_text(json.dumps(told), encoding="utf-8", newline="\n")

    async def _serve(self, register: VisitRegister, listener: socket.socket, port: int) -> None:
        links = links_of(self.ctx.dir.name, self.config.links)

        def change(ends: bool) -> None:
            wanted = self.config.simulation.people or self.config.study.people
            self.is_ended = self.is_ended or ends or register.finished >= wanted

        config = self.config
        server = StudyServer(
            register, syncs=config.durable == "fsync", title=config.study.title, on_change=change
        )
        told = "Open the address that you were given: it holds the key."
        guard = Guard(server.app, port, links, origin=config.origin, told=told)
        served = QuietServer(
            uvicorn.Config(
                guard,
                log_level="warning",
                access_log=False,  # it would write the token
                server_header=False,
                lifespan="off",
                proxy_headers=False,
                timeout_graceful_shutdown=1,
                ws="websockets-sansio",
                ws_max_size=8192,  # what is longer than a message may be is answered, and much more is not read
                ws_per_message_deflate=False,
            )
        )
        change(False)
        base = config.origin or f"http://{ADDRESS}:{port}"
        self._announce(
            {link.name: f"{base}/?token={link.token}" for link in links}, f"{base}/desk", register
        )
        serving = asyncio.create_task(served.serve(sockets=[listener]))
        looking = asyncio.create_task(server.look_after())
        simulating = self._simulate(port, links[-1])
        while not (serving.done() or self.is_ended or self.ctx.should_stop):
            await asyncio.sleep(LOOKS_EVERY)
        if simulating is not None:
            simulating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await simulating
        await asyncio.sleep(LOOKS_EVERY)  # the last answers are on their way
        looking.cancel()
        served.should_exit = True
        await serving

    def _simulate(self, port: int, link: AccessLink) -> asyncio.Task[None] | None:
        if not self.config.simulation.people:
            return None
        return asyncio.create_task(simulate(self.config, self.materials, port, link))

    def _announce(self, addresses: dict[str, str], desk: str, register: VisitRegister) -> None:
        """Tell the addresses; `tasks hci study` keeps no copy of what is printed, since they hold the keys."""
        lines = [
            f"study: {len(register.visits)} visits so far, {register.finished} of {self.config.study.people} people done",
            f"digest of the file: {digest_of(self.config)}"
            + ("" if self.is_frozen else " (not frozen: visits are pilots; --freeze counts them)"),
            f"people: {addresses[EVERYONE]}",
            *(f"{name}: {text}" for name, text in addresses.items() if name.startswith(SINGLE)),
            f"desk: {desk}?{addresses['desk'].partition('?')[2]}",
        ]
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()

    def _result(self, told: dict[str, Any]) -> Result:
        metrics = {
            name: float(told[name]) for name in ("finished", "screened", "withdrawn", "pilots")
        }
        summary = f"{told['finished']} of {told['people']} people played to the end"
        if told["pilots"]:
            summary += f", and {told['pilots']} pilots"
        return Result(metrics=metrics, summary=summary)


@contextlib.contextmanager
def _little_garbage() -> Iterator[None]:
    """Keep the collector of garbage from what is there already: looking through it makes people wait for 6 ms now and then."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextlib.contextmanager
def _listener(remembered: int, asked: int) -> Iterator[socket.socket]:
    """Yield a listening socket: at the port that is asked for, else at that of before, else at a free one."""
    try:
        listener = listen(remembered)
    except UsageError:
        if asked:
            raise
        listener = listen(0)
    with listener:
        yield listener


def links_of(run: str, singles: int) -> list[AccessLink]:
    """Return the addresses of a study: for everyone, for one visit each, the desk's, and that of simulated participants.

    Nothing secret is stored: the same keys come from this user's own one when the run goes on.

    Args:
        run: Name of the run.
        singles: How many addresses are for one visit each.
    """

    def link(name: str, cookie: str) -> AccessLink:
        token, ticket = (
            keyed_digest(f"study {run} {what} {name}")[:40] for what in ("token", "ticket")
        )
        return AccessLink(name, token, f"taskloom_{cookie}", ticket, redirects=False)

    people = [EVERYONE, *(f"{SINGLE}{i + 1}" for i in range(singles))]
    return [
        *(link(name, "study") for name in people),
        link(DESK, "desk"),
        link(SIMULATED, SIMULATED),
    ]
