"""Studies whose disk is full: files stay whole, pages and the log say so once, and people go on when there is room."""

# ruff: noqa: ANN401 -- messages are JSON

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from study_people import PAIRED, Person, Serving, meet, study_of
from taskloom_hci.recordings.blocks import read_blocks, session_files
from taskloom_hci.recordings.journal import read_lines
from waiting import until

ALONE = """
[study]
people = {people}
seed = 5
[[condition]]
name = "alone"
task = "pointing"
assistant = "none"
episodes = 2
"""
UNSAVED = 1011


class Disk:
    """A small file system that can be filled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        with self._ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"x" * 4096)

    def empty(self) -> None:
        self._ballast.unlink()


@pytest.fixture
def disk(mount: Callable[[str], Path]) -> Disk:
    return Disk(mount("1m"))


@pytest.fixture
def serve(disk: Disk) -> Iterator[Callable[[Any], Any]]:
    """Serve studies from the small disk, which must be let go at the end."""
    served: list[Any] = []

    def do(config: Any) -> Any:
        served.append(Serving(disk.folder / "run", config))
        return served[-1]

    yield do
    for one in served:
        one.stop()


async def until_closed(person: Any, say: Callable[[int], Any]) -> int:
    """Say something again and again, and return the code with which the connection was closed."""
    from websockets.exceptions import ConnectionClosed

    for turn in range(1000):
        try:
            await say(turn)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 0
    return 0


def test_a_full_disk_loses_no_answer_and_people_go_on_when_there_is_room(
    disk: Disk, serve: Callable[[Any], Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "taskloom_hci")
    config = study_of(tmp_path, ALONE).model_copy(update={"links": 1})
    served = serve(config)
    answered = 0

    async def play(person: Any) -> str:
        nonlocal answered
        await person.arrive()
        await person.until_game()

        async def act(turn: int) -> None:
            nonlocal answered
            await person.act(1 - 2 * (turn % 2))  # to and fro: the game goes on
            await person.hear("effect")
            answered += 1

        await act(0)
        disk.fill()
        assert await until_closed(person, act) == UNSAVED
        return str(person.session)

    async def comes(session: str | None = None, link: str = "everyone") -> Any:
        person = Person(await served.connect(served.cookie(link)))
        try:
            told = await person.arrive(**({"session": session} if session else {}))
            if session and told["type"] == "welcome" and told["seq"] == answered:
                await person.hear("state")
                await person.act(1)
                await person.hear("effect")
            return told
        finally:
            await person.socket.close()

    async def refused(**who: Any) -> int:
        return await until_closed(Person(None), lambda _: comes(**who))

    session = meet(served, play)
    assert answered > 0
    for who in ({"session": session}, {}, {"link": "link-1"}):
        assert asyncio.run(refused(**who)) == UNSAVED
    (path,) = session_files(served.ctx.dir)  # who came anew has left nothing
    lines, size = read_lines(path)
    assert size == path.stat().st_size
    acted = sum(line.kind == "action" for line in lines)
    assert acted == answered
    told = [record.getMessage() for record in caplog.records if "cannot be saved" in record.message]
    assert len(told) == 1
    assert "(No space left on device)" in told[0]
    disk.empty()
    assert asyncio.run(comes(session))["seq"] == answered
    assert asyncio.run(comes(link="link-1"))["type"] == "welcome"
    served.stop()
    assert sum(line.kind == "action" for line in read_lines(path)[0]) == answered + 1
    assert caplog.messages[-1] == "What people do is saved again."


def test_two_people_go_back_together_and_play_one_game(
    disk: Disk, serve: Callable[[Any], Any], tmp_path: Path
) -> None:
    served = serve(study_of(tmp_path, PAIRED, people=2, episodes=1, limit=60))

    async def begin() -> list[str]:
        one, two = Person(await served.connect()), Person(await served.connect())
        await one.arrive()
        await one.hear("wait")
        await two.arrive()
        await two.hear("state")
        disk.fill()

        async def look_away(_: int) -> None:
            await two.say(type="note", kind="blur", client_t=1.0)
            await two.say(type="ping", t=1)
            await two.hear("pong")

        assert await until_closed(two, look_away) == UNSAVED
        assert await until_closed(one, lambda _: one.hear("never")) == UNSAVED
        return [str(one.session), str(two.session)]

    async def go_on(sessions: list[str]) -> None:
        async def play(session: str) -> None:
            person = Person(await served.connect())
            await person.arrive(session=session)
            while (message := await person.hear("state", "page"))["type"] == "state":
                if message["legal"]:
                    said = [word.strip(".,") for word in message["view"]["say"].split()]
                    numbers = [int(word) for word in said if word.isdigit()]
                    is_user = "goal" in said
                    await person.act(np.sign(numbers[1] - numbers[0]).item() if is_user else 3)
            await person.socket.close()

        await asyncio.gather(*map(play, sessions))

    sessions = asyncio.run(begin())
    disk.empty()
    asyncio.run(go_on(sessions))
    served.wait()
    first, second = read_blocks(served.ctx.dir)
    assert {first.seat, second.seat} == {"user", "assistant"}
    for name, values in first.episodes.rounds.items():
        np.testing.assert_array_equal(values, second.episodes.rounds[name])


def test_who_withdraws_is_deleted_as_soon_as_there_is_room(
    disk: Disk, serve: Callable[[Any], Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "taskloom_hci")
    served = serve(study_of(tmp_path, ALONE))

    async def leave(person: Any) -> None:
        await person.arrive()
        await person.until_game()
        await person.act(1)
        await person.hear("effect")
        # There is room for a line in what the file has of the disk, but none for another file.
        disk.fill()
        await person.say(type="withdraw")
        await person.hear("page")

    meet(served, leave)
    (path,) = session_files(served.ctx.dir)
    until(lambda: "cannot be deleted yet" in caplog.text)
    assert any(line.kind == "action" for line in read_lines(path)[0])
    disk.empty()
    until(lambda: len(read_lines(path)[0]) == 2)
    assert [line.kind for line in read_lines(path)[0]] == ["open", "withdraw"]
    served.stop()
