"""The socket that every page of ours is served through."""

from __future__ import annotations

import asyncio
import socket

from taskloom.view.serve import listen


def test_small_messages_are_sent_at_once() -> None:
    """Without it the second of two messages waits 40 ms for the acknowledgement of the first."""

    async def option() -> int:
        found: list[int] = []

        async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            del reader
            accepted = writer.get_extra_info("socket")
            found.append(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        with listen(0) as listener:
            server = await asyncio.start_server(attend, sock=listener)
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            await reader.read()
            writer.close()
            server.close()
        return found[0]

    assert asyncio.run(option()) != 0
