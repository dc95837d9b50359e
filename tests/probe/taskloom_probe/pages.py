"""The viewer asked in process: its application without a server, a port and a cookie."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from taskloom.view.app import make_app


@dataclass
class Page:
    """An answer of the viewer.

    Attributes:
        status: Its status.
        headers: Its headers, by their names in lower case.
        body: Its content.
    """

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def text(self) -> str:
        """The content as text."""
        return self.body.decode(errors="replace")


def ask(store: Path, path: str, query: str = "") -> Page:
    """Ask the viewer of a store for one page; what the application raises is raised here."""
    page = Page()
    scope = {
        **{"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET"},
        **{"scheme": "http", "path": path, "raw_path": quote(path).encode(), "root_path": ""},
        **{"query_string": query.encode(), "headers": [], "server": ("127.0.0.1", 1)},
        "client": ("127.0.0.1", 2),
    }

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()  # the browser neither says more nor leaves
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            page.status = message["status"]
            page.headers = {
                name.decode().lower(): value.decode() for name, value in message["headers"]
            }
        else:
            page.body += message.get("body", b"")

    asyncio.run(make_app(store)(scope, receive, send))  # type: ignore[arg-type]  # a plain table is a scope
    return page
