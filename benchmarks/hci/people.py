"""A study under load, and a study that is killed: `python benchmarks/hci/people.py load|kill ...`.

    python benchmarks/hci/people.py load --visits 20 --rate 60 --seconds 10 --durable write
    python benchmarks/hci/people.py kill --kills 200

`load` lets simulated pages play at a pace and tells rounds per second in total and the times from action to effect. `kill` ends
the server with SIGKILL at random moments while pages play, starts it again, and compares the file with what was answered.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from taskloom.testing import MemoryContext
from taskloom_hci.driver import make_bundle
from taskloom_hci.recordings.blocks import read_blocks, session_files
from taskloom_hci.recordings.journal import read_lines
from taskloom_hci.study.config import ConditionPart, StudyConfig, StudyPart
from taskloom_hci.study.file import settings_of
from taskloom_hci.study.noted import STATE
from taskloom_hci.study.running import ADDRESS, links_of
from taskloom_hci.study.serving import ServedStudy
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

HELLO = {"type": "hello", "v": 1, "size": [1280, 800], "dpr": 1}


def study(games: int, durable: str) -> StudyConfig:
    """Return a study of pointing with the assistant that infers."""
    settings, _ = settings_of("pointing", {"assistant": "big"})
    part = ConditionPart(name="big", task="pointing", settings=settings, episodes=games)
    shown = StudyPart(people=10_000, show_belief=True)
    return StudyConfig(study=shown, condition=(part,), durable=durable, freeze=True)


def start(folder: Path, config: StudyConfig) -> tuple[int, int]:
    """Fork a process that serves a study; return its id and its port."""
    state = folder / STATE
    known = json.loads(state.read_text()) if state.exists() else {}
    state.unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    child = os.fork()
    if child == 0:
        try:
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115 -- until the process is killed
            port = int(known.get("port", 0))
            ServedStudy(config.model_copy(update={"port": port})).run(MemoryContext(folder))
        finally:
            os._exit(1)
    while True:
        try:
            return child, int(json.loads(state.read_text())["port"])
        except (OSError, ValueError):
            time.sleep(0.01)


class Page:
    """A page that plays: it presses left or right at random, and now and then stays."""

    def __init__(self, run: str, number: int, rate: float) -> None:
        self.link = next(link for link in links_of(run, 0) if link.name == "everyone")
        self.random = random.Random(number)
        self.rate, self.session = rate, ""
        self.latencies: list[float] = []
        self.answered: dict[int, int] = {}
        self.sent: dict[int, int] = {}

    async def play(self, port: int, until: float) -> None:
        """Play until a moment, or until the server is gone."""
        address = f"{ADDRESS}:{port}"
        headers = {"Cookie": f"{self.link.cookie}_{port}={self.link.ticket}"}
        due = time.perf_counter() + (self.random.random() / self.rate if self.rate else 0)
        async with connect(
            f"ws://{address}/socket",
            additional_headers=headers,
            origin=f"http://{address}",  # type: ignore[arg-type] # a NewType of text
            compression=None,
        ) as socket:
            hello = {**HELLO, "session": self.session} if self.session else HELLO
            await socket.send(json.dumps(hello))
            asked = 0.0
            async for text in socket:
                message = json.loads(text)
                kind = message["type"]
                if kind == "welcome":
                    self.session = message["session"]
                if kind == "effect":
                    self.latencies.append(time.perf_counter() - asked)
                    self.answered[message["seq"]] = self.sent[message["seq"]]
                if kind == "state":
                    if time.perf_counter() > until:
                        return
                    if self.rate:
                        await asyncio.sleep(max(0.0, due - time.perf_counter()))
                        # In its own phase: visits that a pause had made late would else press in step for ever.
                        late = max(time.perf_counter() - due, 0.0)
                        due += (1 + int(late * self.rate)) / self.rate
                    value = self.random.choice((-1, -1, 1, 1, 0))
                    self.sent[message["seq"]] = value
                    told = {"device": "key", "client_t": 2.0, "client_shown": 1.0}
                    asked = time.perf_counter()
                    await socket.send(
                        json.dumps(
                            {"type": "action", "seq": message["seq"], "value": value, **told}
                        )
                    )


def load(visits: int, rate: float, seconds: float, durable: str) -> dict[str, Any]:
    """Return rounds per second in total and the quantiles of the time to an effect."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "run"
        child, port = start(folder, study(1000, durable))
        pages = [Page("run", number, rate) for number in range(visits)]

        async def all_of_them() -> tuple[float, int]:
            warm = time.perf_counter() + 1
            await asyncio.gather(*(page.play(port, warm) for page in pages))
            warmed = sum(len(page.latencies) for page in pages)
            for page in pages:
                page.latencies.clear()
            begun = time.perf_counter()
            await asyncio.gather(*(page.play(port, begun + seconds) for page in pages))
            return time.perf_counter() - begun, warmed

        taken, played = asyncio.run(all_of_them())
        played += sum(len(page.latencies) for page in pages)
        os.kill(child, signal.SIGKILL)
        spent = os.wait4(child, 0)[2]
        sync = time_of_sync(folder)
    times = sorted(time for page in pages for time in page.latencies)
    return {
        "visits": visits,
        "rounds_per_second": round(len(times) / taken, 1),
        "server_cpu_ms_a_round": round(1000 * (spent.ru_utime + spent.ru_stime) / played, 3),
        **{
            f"p{share}_ms": round(1000 * times[min(len(times) - 1, len(times) * share // 100)], 2)
            for share in (50, 90, 99)
        },
        "durable": durable,
        "one_fsync_ms": round(1000 * sync, 2),
    }


def time_of_sync(folder: Path) -> float:
    """Return how long the disk takes for one `fsync` of a line [s]."""
    path, taken = folder / "sync", []
    with path.open("wb") as file:
        for _ in range(20):
            file.write(b"x" * 400)
            file.flush()
            begun = time.perf_counter()
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - begun)
    return sorted(taken)[len(taken) // 2]


def kill(kills: int, visits: int = 3) -> dict[str, Any]:
    """Return what was lost and what was there without an answer, over all kills."""
    chance = random.Random(5)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "run"
        config = study(5, "write")
        pages = [Page("run", number, 0.0) for number in range(visits)]
        for _ in range(kills):
            child, port = start(folder, config)

            async def play(port: int = port, child: int = child) -> None:
                async def one(page: Page) -> None:
                    try:
                        await page.play(port, time.perf_counter() + 60)
                    except (WebSocketException, OSError):
                        return

                # From the first answer on, however busy the machine is; now and then before it.
                begun = {page: len(page.answered) for page in pages}
                playing = [asyncio.create_task(one(page)) for page in pages]
                limit = time.perf_counter() + chance.choice((0.05, 20, 20, 20))
                while time.perf_counter() < limit and not any(
                    len(page.answered) > count for page, count in begun.items()
                ):
                    await asyncio.sleep(0.002)
                await asyncio.sleep(chance.uniform(0, 0.1))
                os.kill(child, signal.SIGKILL)
                await asyncio.gather(*playing)

            asyncio.run(play())
            os.waitpid(child, 0)
            for at, page in enumerate(pages):
                if page.answered and _is_over(folder, page.session):
                    _compare(folder, page)
                    pages[at] = Page("run", chance.randrange(10**6), 0.0)
        found = [_compare(folder, page) for page in pages if page.session]
        games = sum(len(block.games) for block in read_blocks(folder))
    return {
        "kills": kills,
        "lost": sum(one["lost"] for one in found),
        "unanswered": sum(one["unanswered"] for one in found),
        "games_played_again": games,
    }


def _is_over(folder: Path, session: str) -> bool:
    path = next(path for path in session_files(folder) if path.stem == session)
    return any(event.kind == "done" for event in read_lines(path)[0])


def _compare(folder: Path, page: Page) -> dict[str, int]:
    path = next(path for path in session_files(folder) if path.stem == page.session)
    lines, _ = read_lines(path)
    kept = {event.seq: event.data["value"] for event in lines if event.kind == "action"}
    assert list(kept) == list(range(len(kept))), "a number is missing or twice"
    lost = [seq for seq, value in page.answered.items() if kept.get(seq) != value]
    assert not lost, f"answered and lost: {lost}"
    assert all(page.sent[seq] == value for seq, value in kept.items())
    return {"lost": len(lost), "unanswered": len(kept.keys() - page.answered.keys())}


def main() -> None:
    """Run one of the two."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["load", "kill"])
    parser.add_argument("--visits", type=int, default=20)
    parser.add_argument("--rate", type=float, default=60.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--durable", default="write")
    parser.add_argument("--kills", type=int, default=200)
    asked = parser.parse_args()
    make_bundle(
        "pointing", assistant="big"
    ).close()  # what is imported before the fork is imported once
    if asked.what == "load":
        found = load(asked.visits, asked.rate, asked.seconds, asked.durable)
    else:
        found = kill(asked.kills)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
