"""A study that a thread serves, and a person's page that speaks to it, for the tests of studies."""

# ruff: noqa: ANN401 -- messages are JSON

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from taskloom.testing import MemoryContext
from taskloom_hci.recordings.blocks import session_files
from taskloom_hci.recordings.journal import read_lines
from taskloom_hci.study.config import StudyConfig
from taskloom_hci.study.file import read_study
from taskloom_hci.study.noted import STATE
from taskloom_hci.study.running import ADDRESS, links_of
from taskloom_hci.study.serving import ServedStudy

STUDY = """
[study]
people = {people}
seed = 5
show_belief = true
[consent]
text = "# Consent"
[instructions]
pages = ["Read this."]
check = [{{ask = "Who knows?", options = ["I", "All"], right = 0}}]
[practice]
episodes = 1
[[condition]]
name = "big"
task = "pointing"
assistant = "big"
episodes = 3
[[condition]]
name = "gain"
task = "pointing"
assistant = {{kind = "gain"}}
parameters = {{cells = 7, targets = 3}}
episodes = 3
[[condition]]
name = "eyes"
task = "gaze"
episodes = 2
[[condition]]
name = "cards"
task = "teaching"
parameters = {{sessions = 1, trials = 4, items = 3}}
episodes = 2
[[condition]]
name = "number"
task = "coordinated"
assistant = "random"
episodes = 1
[[question]]
id = "effort"
after = "condition"
ask = "How hard?"
kind = "scale"
[thanks]
code = true
"""


PAIRED = """
[study]
people = {people}
seed = 5
[[condition]]
name = "two"
task = "pointing"
assistant = "big"
parameters = {{cells = 7, targets = 3}}
episodes = {episodes}
seats = ["user", "assistant"]
limit = {limit}
"""


def study_of(folder: Path, text: str = STUDY, people: int = 40, **values: float) -> StudyConfig:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "study.toml"
    path.write_text(text.format(people=people, **values), encoding="utf-8")
    return read_study(path)


class Serving:
    """A study that a thread serves."""

    def __init__(self, folder: Path, config: StudyConfig) -> None:
        self.ctx = MemoryContext(folder)
        config = config.model_copy(update={"freeze": True, "durable": "write"})
        self.config = config
        state = folder / STATE
        state.unlink(missing_ok=True)
        self._thread = threading.Thread(target=lambda: ServedStudy(config).run(self.ctx))
        self._thread.start()
        deadline = time.monotonic() + 60
        while not state.exists() or not state.read_text().endswith("}"):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        self.port = int(json.loads(state.read_text())["port"])

    def stop(self) -> None:
        self.ctx.stop_after = 0
        self.wait()

    def wait(self) -> None:
        self._thread.join(120)
        assert not self._thread.is_alive()

    def cookie(self, name: str = "everyone") -> str:
        link = next(link for link in links_of(self.ctx.dir.name, 3) if link.name == name)
        return f"{link.cookie}_{self.port}={link.ticket}"

    async def connect(self, cookie: str | None = None, origin: str | None = None) -> Any:
        from websockets.asyncio.client import connect

        address = f"{ADDRESS}:{self.port}"
        return await connect(
            f"ws://{address}/socket",
            additional_headers={"Cookie": self.cookie() if cookie is None else cookie},
            origin=origin or f"http://{address}",  # type: ignore[arg-type]
            compression=None,
        )

    def events(self, session: str) -> list[Any]:
        path = next(path for path in session_files(self.ctx.dir) if path.stem == session)
        return read_lines(path)[0]


HELLO = {"type": "hello", "v": 1, "size": [1280, 800], "dpr": 1}


class Person:
    """A person's page."""

    def __init__(self, socket: Any) -> None:
        self.socket, self.session, self.seq = socket, "", 0

    async def say(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def hear(self, *kinds: str) -> dict[str, Any]:
        """Return the next message of one of these types."""
        while True:
            message = json.loads(await asyncio.wait_for(self.socket.recv(), 20))
            if "seq" in message and message["type"] in ("welcome", "state"):
                self.seq = message["seq"]
            elif message["type"] == "effect":
                self.seq = max(self.seq, message["seq"] + 1)
            if message["type"] in kinds:
                return dict(message)

    async def arrive(self, **more: Any) -> dict[str, Any]:
        await self.say(**HELLO, **more)
        welcome = await self.hear("welcome", "error")
        self.session = welcome.get("session", "")
        return welcome

    async def answer(self, page: dict[str, Any], **values: Any) -> None:
        await self.say(type="answer", seq=self.seq, page=page["id"], values=values)

    async def act(self, value: Any = 0) -> None:
        told = {"device": "key", "client_t": 900.0, "client_shown": 500.0}
        await self.say(type="action", seq=self.seq, value=value, **told)

    async def until_game(self) -> dict[str, Any]:
        while True:
            message = await self.hear("page", "state")
            if message["type"] == "state":
                return message
            asked = {field["id"] for field in message["fields"]}
            await self.answer(
                message, **{name: True if name == "agree" else 0 for name in asked if name}
            )


def meet(serving: Serving, talk: Callable[[Person], Awaitable[Any]], **how: Any) -> Any:
    async def run() -> Any:
        socket = await serving.connect(**how)
        try:
            return await talk(Person(socket))
        finally:
            await socket.close()

    return asyncio.run(run())
