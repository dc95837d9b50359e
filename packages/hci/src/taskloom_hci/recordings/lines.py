"""One line of a recording: the fields of an event, as JSON with a checksum at its end.

    {"n":7,"t":"2026-11-29T23:50:00.123456Z","m":81,"kind":"action","page":"game","condition":"big","episode":0,"round":3,
     "data":{"value":1},"seq":9,"device":"key","client_t":812.5,"client_shown":301.2,"rt":511.3,"digest":"9f..","crc":"1c2d3e4f"}

The checksum is the CRC-32 of the bytes of the line before `,"crc"`, in eight hexadecimal digits.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

from taskloom_hci.errors import HciError

FORMAT = 1
"""Version of the format, in the first line of every file."""

Kind: TypeAlias = Literal[
    "open",
    "hello",
    "page",
    "consent",
    "answer",
    "start",
    "action",
    "effect",
    "end",
    "blur",
    "focus",
    "resize",
    "reconnect",
    "duplicate",
    "refused",
    "repaired",
    "withdraw",
    "done",
]
KINDS: tuple[str, ...] = get_args(Kind)
_SEAL = b',"crc":"'
_OF_ACTION = ("seq", "device", "client_t", "client_shown", "rt", "digest")
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a session.

    Attributes:
        n: Its number in the file, from 0.
        t: Time of the server, UTC with microseconds: `2026-11-29T23:50:00.123456Z`.
        m: Monotonic time of the server [ns]; differences within one process count.
        kind: Kind of event, of `KINDS`.
        page: The page that was shown.
        condition: The condition, or empty.
        episode: Number of the game in its block, or -1.
        round: Round of the game, or -1.
        data: Everything that belongs to the kind.
        seq: Number of the action in the session; only of an action, as all that follow.
        device: `key`, `mouse`, `touch`, `pen` or `simulated`.
        client_t: Clock of the page at the event [ms].
        client_shown: Clock of the page at the frame that showed the state [ms].
        rt: Reaction time, their difference [ms]; the two clocks of page and server are never subtracted.
        digest: Digest of the game after the action.
    """

    n: int
    t: str
    m: int
    kind: str
    page: str = ""
    condition: str = ""
    episode: int = -1
    round: int = -1
    data: Mapping[str, Any] = field(default_factory=dict)
    seq: int | None = None
    device: str = ""
    client_t: float | None = None
    client_shown: float | None = None
    rt: float | None = None
    digest: str = ""


def encode(line: Event) -> bytes:
    r"""Return a line as it stands in the file, with its end of line.

    >>> encode(Event(0, "2026-11-29T23:50:00.000000Z", 1, "blur"))[-18:]
    b'"crc":"b30a083c"}\n'

    Raises:
        ValueError: `data` holds what JSON has no form for.
    """
    fields: dict[str, Any] = {
        "n": line.n,
        "t": line.t,
        "m": line.m,
        "kind": line.kind,
        "page": line.page,
        "condition": line.condition,
        "episode": line.episode,
        "round": line.round,
        "data": line.data,
    }
    if line.kind == "action":
        fields |= {name: getattr(line, name) for name in _OF_ACTION}
    body = _encode(fields).encode()[:-1]
    return b'%b,"crc":"%08x"}\n' % (body, zlib.crc32(body))


def decode(text: bytes) -> Event:
    """Return the line that `encode` wrote.

    Raises:
        HciError: It is none, or its checksum is not that of its content.
    """
    body, seal, rest = text.rstrip(b"\n").rpartition(_SEAL)
    if not seal or rest != b'%08x"}' % zlib.crc32(body):
        raise HciError("the checksum is not that of the line")
    try:
        fields = json.loads(body + b"}")
        line = Event(**fields)
    except (ValueError, TypeError, RecursionError):
        raise HciError("the line is no event of a session") from None
    if line.kind not in KINDS or type(line.n) is not int or not isinstance(line.data, dict):
        raise HciError("the line is no event of a session")
    return line
