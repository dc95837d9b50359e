"""Simulated participants: they open the page, and speak through the same socket as people do.

A participant holds the user agent of its condition, and knows of the game what the server tells it. The first one has the numbers
of the game's seed: it moves as the user of an offline run does, and the recording of its games is that run's, to the bit. The
others have numbers of their own, as people differ. Where the user is one of the people of a fit, each participant is one of them
from its first game to its last.
"""

# ruff: noqa: ANN401 -- messages are JSON, and sockets are of a library that is an extra

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from taskloom.seeding import derive_seed
from taskloom.view.access import AccessLink

from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.errors import HciError
from taskloom_hci.recordings.blocks import make_game
from taskloom_hci.recordings.game import plain
from taskloom_hci.state.streams import Stream, mix, stream_key
from taskloom_hci.study.config import StudyConfig
from taskloom_hci.study.materials import Materials
from taskloom_hci.study.protocol import VERSION, dump
from taskloom_hci.users.drawn import DrawnAgent
from taskloom_hci.users.pointing import DrawnPointer

AT_ONCE = 8
# Reaction times of people in simple choices [ms], log-normal.
RT_LOCATION, RT_SCALE = 6.2, 0.3
WINDOW = (1280, 800)


async def simulate(config: StudyConfig, materials: Materials, port: int, link: AccessLink) -> None:
    """Let all participants take part, a few at a time.

    Args:
        config: The study.
        materials: What its visits share.
        port: The port of the server.
        link: The address of simulated participants.
    """
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with gate:
            participant = SimulatedPerson(config, materials, number)
            await participant.take_part(port, f"{link.cookie}_{port}={link.ticket}")

    await asyncio.gather(*(one(number) for number in range(config.simulation.people)))


class SimulatedPerson:
    """One simulated participant.

    Args:
        config: The study.
        materials: What its visits share; of them it uses the conditions.
        number: Its number, from which its reaction times follow.
        pace: Time between two actions [s]; 0 goes as fast as answers come.
    """

    def __init__(
        self, config: StudyConfig, materials: Materials, number: int, *, pace: float = 0.0
    ) -> None:
        self._config, self._materials, self._pace = config, materials, pace
        self._number = number
        self._stream = Stream(mix(derive_seed(config.seed, "reaction times", number)))
        self._clock = 0.0
        self._seq = 0
        self._minds: dict[str, Bundle] = {}
        self._mind: Bundle | None = None
        self.latencies: list[float] = []

    async def take_part(self, port: int, cookie: str) -> str:
        """Go through the whole study and return the name of the session."""
        from websockets.asyncio.client import connect

        address = f"127.0.0.1:{port}"
        headers = {"Cookie": cookie}
        async with connect(
            f"ws://{address}/socket",
            additional_headers=headers,
            origin=f"http://{address}",  # type: ignore[arg-type] # a NewType of text
            compression=None,
            max_size=None,
        ) as socket:
            hello = {
                "type": "hello",
                "v": VERSION,
                "size": list(WINDOW),
                "dpr": 1,
                "pointer": "fine",
            }
            await socket.send(dump(hello))
            loop = asyncio.get_running_loop()
            session, asked = "", 0.0
            async for text in socket:
                message = json.loads(text)
                if message["type"] == "welcome":
                    session, self._seq = message["session"], message["seq"]
                if message["type"] == "effect" and asked:
                    self.latencies.append(loop.time() - asked)
                    asked = 0.0
                if message["type"] == "error":
                    raise HciError(f"The server answered a participant: {message['text']}")
                if message["type"] == "page" and message["kind"] == "thanks":
                    return session
                answer = self._answer(message)
                if answer is not None:
                    if self._pace and answer["type"] == "action":
                        await asyncio.sleep(self._pace)
                    asked = loop.time() if answer["type"] == "action" else 0.0
                    await socket.send(dump(answer))
        raise HciError("The server closed the connection of a participant.")

    def _answer(self, message: Mapping[str, Any]) -> dict[str, Any] | None:
        kind = message["type"]
        if kind == "page":
            values = {item["id"]: self._value(item) for item in message["fields"]}
            return {"type": "answer", "seq": self._next(), "page": message["id"], "values": values}
        if kind == "game":
            self._begin(message["condition"], message["seed"])
        if kind == "state" and message["legal"]:
            return self._act(message["view"]["seen"])
        return None

    def _next(self) -> int:
        self._seq += 1
        return self._seq - 1

    def _value(self, item: Mapping[str, Any]) -> Any:
        """Return the answer to a question: of age, in agreement, right, and in the middle of a scale."""
        kind, name = item["kind"], str(item["id"])
        if kind == "agree":
            return True
        if name.startswith("check-"):
            return self._config.instructions.check[int(name.removeprefix("check-"))].right
        if kind == "choice":
            return 0
        if kind == "text":
            return "simulated"
        middle = (item["low"] + item["high"]) / 2
        return math.ceil(middle) if name != "age" else max(self._config.eligibility.age, 30)

    def _act(self, seen: Mapping[str, Any]) -> dict[str, Any]:
        user = self._mind.user if self._mind is not None else None
        if user is None:
            raise HciError("There is no user for a participant to be.")
        # Noise is drawn by the agent's own engine, from the agent's own numbers; the state is the server's.
        user.observation, _ = user.observation_engine.observe(_arrays(seen), user.stream)
        user.infer()
        value, _ = user.take_action()
        shown = self._clock
        self._clock += round(math.exp(RT_LOCATION + RT_SCALE * self._stream.normal()), 3)
        return {
            "type": "action",
            "seq": self._next(),
            "value": plain(value),
            "device": "simulated",
            "client_t": self._clock,
            "client_shown": shown,
        }

    def _begin(self, name: str, seed: int) -> None:
        """Begin anew the game in the participant's head."""
        if name not in self._minds:
            entry = dict(self._materials.table[name])
            if self._config.simulation.user:
                user = json.loads(self._config.simulation.user)
                entry["config"] = {**entry["config"], "user": user}
            self._minds[name] = make_game(entry)
        self._mind = self._minds[name]
        # Up to the first turn, in which the agent would look: that it does with what the server tells it.
        self._mind.reset(go_to=0, seed=seed, episode=0)
        user = self._mind.user
        if self._number and user is not None:
            # All know the same goal of the same game; only the first moves by the numbers of its offline run.
            user.stream = Stream(stream_key(derive_seed(seed, "person", self._number), "user", 0))
        if isinstance(user, (DrawnAgent, DrawnPointer)):
            # One of the people of a fit, and the same one in every game of every condition.
            which = user.people.sets(self._config.seed, np.array([self._number]))
            user.become(self._number, int(which[0]))


def _arrays(parts: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the parts of a game as a snapshot has them."""
    found: dict[str, dict[str, Any]] = {}
    for part, entries in parts.items():
        found[part] = {}
        for key, value in entries.items():
            array = np.asarray(value)
            array.flags.writeable = False
            found[part][key] = array if array.ndim else array[()]
    return found
