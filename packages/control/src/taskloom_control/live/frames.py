"""Frames between a controller and a robot: 4 bytes of length, a JSON header, raw numbers.

    length of the header, 4 bytes, little-endian, at most 65,536
    header, JSON: {"kind": "estimate", "seq": 7, "t": 0.28, "arrays": [["qpos", [4]], ["qvel", [4]]]}
    the arrays in that order, little-endian float64, at most 8 MiB together

Nothing in it is pickled, and any language can write it in an hour.
"""

from __future__ import annotations

import json
import math
import select
import socket
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from taskloom_control.errors import LinkError

if TYPE_CHECKING:
    from jaxtyping import Float

PROTOCOL = 1
KINDS = ("hello", "welcome", "estimate", "control", "beat", "bye")
_LONGEST_HEADER, _MOST_NUMBERS = 1 << 16, 1 << 20
_LENGTH = struct.Struct("<I")


@dataclass(frozen=True)
class Frame:
    """One message.

    Attributes:
        kind: Its kind, one of `KINDS`.
        facts: Numbers, texts and lists by name.
        arrays: Arrays by name.
    """

    kind: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, Float[np.ndarray, ...]] = field(default_factory=dict)

    def number(self, name: str) -> float:
        """Return a fact that is a finite number.

        Raises:
            LinkError: It is missing, or none.
        """
        value = self.facts.get(name)
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
        ):
            raise LinkError(
                f"The frame '{self.kind}' has the {name} {value!r}; it must be a number."
            )
        return float(value)


def encode(frame: Frame) -> bytes:
    """Return a frame as bytes."""
    arrays = {name: np.ascontiguousarray(a, dtype="<f8") for name, a in frame.arrays.items()}
    header = {
        "kind": frame.kind,
        **frame.facts,
        "arrays": [[name, list(array.shape)] for name, array in arrays.items()],
    }
    # A header without NaN is JSON for every reader; numbers that may be NaN are in the arrays.
    text = json.dumps(header, allow_nan=False).encode()
    return b"".join((_LENGTH.pack(len(text)), text, *(a.tobytes() for a in arrays.values())))


class FrameReader:
    """Frames out of a stream of bytes that comes in any pieces."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """Take bytes, and return the frames that they complete.

        Raises:
            LinkError: The stream does not hold frames.
        """
        self._bytes += data
        frames = []
        while (found := self._next()) is not None:
            frames.append(found)
        return frames

    def _next(self) -> Frame | None:
        if len(self._bytes) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._bytes)
        if length > _LONGEST_HEADER:
            raise LinkError(
                f"A frame begins with the length {length} of its header; at most {_LONGEST_HEADER} is allowed."
            )
        end = _LENGTH.size + length
        if len(self._bytes) < end:
            return None
        kind, facts, shapes = _header(bytes(self._bytes[_LENGTH.size : end]))
        size = 8 * sum(math.prod(shape) for _, shape in shapes)
        if len(self._bytes) < end + size:
            return None
        arrays = {}
        for name, shape in shapes:
            count = math.prod(shape)
            values = np.frombuffer(bytes(self._bytes[end : end + 8 * count]), dtype="<f8")
            arrays[name], end = values.reshape(shape).astype(float), end + 8 * count
        del self._bytes[:end]
        return Frame(kind, facts, arrays)


def _header(text: bytes) -> tuple[str, dict[str, Any], list[tuple[str, tuple[int, ...]]]]:
    """Return kind, facts and shapes of a header.

    Raises:
        LinkError: It is no header.
    """
    try:
        read = json.loads(text)
        kind, shapes = str(read.pop("kind")), []
        for name, shape in read.pop("arrays", []):
            shapes.append((str(name), tuple(int(size) for size in shape)))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise LinkError("A frame's header is no JSON object with a kind and arrays.") from None
    if kind not in KINDS:
        raise LinkError(f"A frame is of the kind '{kind[:40]}'; there are {', '.join(KINDS)}.")
    sizes = [size for _, shape in shapes for size in shape]
    if min(sizes, default=0) < 0 or sum(math.prod(s) for _, s in shapes) > _MOST_NUMBERS:
        raise LinkError(f"A frame '{kind}' announces more than {_MOST_NUMBERS} numbers.")
    return kind, read, shapes


class Wire:
    """Frames over a connected socket; any thread may send, one may receive.

    Args:
        connection: The socket.
    """

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(True)
        if connection.family in (socket.AF_INET, socket.AF_INET6):
            # A command must not wait until another one fills a packet.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket, self._reader = connection, FrameReader()
        self._sending = threading.Lock()

    def send(self, frame: Frame) -> None:
        """Send a frame.

        Raises:
            LinkError: The other side is gone.
        """
        try:
            with self._sending:
                self._socket.settimeout(None)
                self._socket.sendall(encode(frame))
        except OSError as error:
            raise LinkError(f"The other side is gone: {error.strerror or error}.") from None

    def receive(self, patience: float) -> list[Frame]:
        """Return the frames that have come, waiting for the first bytes if there are none.

        Args:
            patience: How long to wait [s].

        Raises:
            LinkError: The other side is gone, or speaks something else.
        """
        try:
            ready, _, _ = select.select([self._socket], [], [], max(patience, 0.0))
            if not ready:
                return []
            data = self._socket.recv(1 << 16)
        except (OSError, ValueError):
            raise LinkError("The other side is gone.") from None
        if not data:
            raise LinkError("The other side has closed the connection.")
        return self._reader.feed(data)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
