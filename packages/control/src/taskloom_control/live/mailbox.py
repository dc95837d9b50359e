"""A mailbox in shared memory: the newest message of one writer, for one reader in another process; neither waits for the other.

There are two places, and a writer only ever writes over the older message:

    number of the message, 8 bytes; its length, 8 bytes; BLAKE2b of number, length and message, 16 bytes; the message

A message counts when its digest agrees, and only then. So a reader sees the newest message or the one before, whole, whatever the
other side does meanwhile: it may be killed in the middle of a message, and processors may show its writes in another order than it
made them. There is no lock that a killed process could hold, and no counter that it could leave half-written.
"""

from __future__ import annotations

import hashlib
import struct
import sys
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory

from taskloom_control.errors import LinkError

_HEAD = struct.Struct("<QQ16s")
_PLACES = 2
# A writer would have to complete two messages within each reading of one, so many times in a row.
_TRIES = 10_000


class Mailbox:
    """The newest message of one writer to one reader.

    Args:
        memory: The bytes that both share, zeros at the beginning; at least `size_for` of the longest message.
        begin: Where the mailbox begins in them.
        longest: Bytes of the longest message.
    """

    def __init__(self, memory: memoryview | bytearray, begin: int, longest: int) -> None:
        self._memory, self._begin, self.longest = memory, begin, longest

    @staticmethod
    def size_for(longest: int) -> int:
        """Return how many bytes a mailbox takes for messages of at most so many."""
        return _PLACES * (_HEAD.size + longest)

    def put(self, message: bytes) -> int:
        """Write a message, and return its number, from 1.

        Raises:
            LinkError: It is longer than the longest.
        """
        if len(message) > self.longest:
            raise LinkError(
                f"A message of {len(message)} bytes does not fit into shared memory for {self.longest}."
            )
        # Two places, and numbers that go up by one: the newer message that is whole stands in the other place.
        found = self.newest()
        number = found[0] + 1 if found is not None else 1
        place = self._place(number % _PLACES)
        head = _HEAD.pack(number, len(message), _digest(number, message))
        self._memory[place + _HEAD.size : place + _HEAD.size + len(message)] = message
        self._memory[place : place + _HEAD.size] = head
        return number

    def newest(self, after: int = 0) -> tuple[int, bytes] | None:
        """Return number and bytes of the newest message; None if it is not newer than the one of a number.

        Raises:
            LinkError: The memory holds no message and is not empty either: it was written to by something else.
        """
        for _ in range(_TRIES):
            numbers = [self._number(place) for place in range(_PLACES)]
            if max(numbers) <= after:
                return None
            for place in sorted(range(_PLACES), key=numbers.__getitem__, reverse=True):
                found = self._read(place)
                if found is not None:
                    return found if found[0] > after else None
            if min(numbers) == 0:
                return None  # the first message is not whole yet
        raise LinkError("The shared memory of the planner was damaged.")

    def _place(self, place: int) -> int:
        return self._begin + place * (_HEAD.size + self.longest)

    def _number(self, place: int) -> int:
        begin = self._place(place)
        return int.from_bytes(bytes(self._memory[begin : begin + 8]), "little")

    def _read(self, place: int) -> tuple[int, bytes] | None:
        """Return the message of a place; None if it is not whole."""
        begin = self._place(place)
        number, length, digest = _HEAD.unpack(bytes(self._memory[begin : begin + _HEAD.size]))
        if number == 0 or length > self.longest:
            return None
        # Copied first and judged afterwards: what is judged must be what is used.
        begin += _HEAD.size
        message = bytes(self._memory[begin : begin + length])
        return (number, message) if _digest(number, message) == digest else None


def opened(memory: SharedMemory) -> memoryview:
    """Return the bytes of shared memory that is not closed.

    Raises:
        LinkError: It is closed.
    """
    if memory.buf is None:
        raise LinkError("The shared memory of the planner is closed.")
    return memory.buf


def attach(name: str) -> SharedMemory:
    """Return shared memory that another process has made and will unlink.

    Raises:
        LinkError: There is none of this name.
    """
    try:
        if sys.version_info >= (3, 13):
            return SharedMemory(name=name, track=False)
        # Before 3.13 a process that only attaches is taken for the owner: at its end its tracker would unlink the memory and warn.
        register = resource_tracker.register
        setattr(resource_tracker, "register", lambda *_: None)  # noqa: B010 -- put back below
        try:
            return SharedMemory(name=name)
        finally:
            setattr(resource_tracker, "register", register)  # noqa: B010 -- what it was
    except (OSError, ValueError) as error:
        raise LinkError(f"There is no shared memory '{name}': {error}.") from None


def _digest(number: int, message: bytes) -> bytes:
    begin = struct.pack("<QQ", number, len(message))
    return hashlib.blake2b(begin + message, digest_size=16).digest()
