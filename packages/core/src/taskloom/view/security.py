"""Guard of an ASGI application: only requests that the rules of `access` allow reach it, and every answer is marked."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from taskloom.view.access import AccessAnswer, AccessLink, AccessRules

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """Lets requests through to the application that the rules allow, and marks every answer.

    The application finds the names of the links that a request came by in `scope["access"]`.

    Args:
        app: The application.
        port: The port it is served at.
        links: The addresses that open it; the token of one will do.
        origin: The address of a proxy in front of this server, `https://example.org`, or empty.
        told: What is answered without a token.
    """

    def __init__(
        self,
        app: ASGIApp,
        port: int,
        links: Sequence[AccessLink],
        *,
        origin: str = "",
        told: str = "Open the address that `tasks view` printed: it holds the key.",
    ) -> None:
        self._app = app
        self._rules = AccessRules(port, links, told, origin=origin)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or let one WebSocket through."""
        if scope["type"] not in ("http", "websocket"):
            return
        is_socket = scope["type"] == "websocket"
        access = self._rules.judge(_target(scope), _headers(scope), is_socket=is_socket)
        scope["access"] = access.names
        if is_socket:
            if access.answer is None:
                await self._app(scope, receive, send)
            else:
                await receive()
                await send({"type": "websocket.close", "code": 1008})
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                if access.cookie:
                    headers.append("set-cookie", access.cookie)
            await send(message)

        answer = _answered(access.answer) if access.answer is not None else _refusal(scope)
        await (answer or self._app)(scope, receive, marked)


def _refusal(scope: Scope) -> Response | None:
    if scope["method"] not in ("GET", "HEAD"):
        return PlainTextResponse("The viewer only reads.", 405, {"Allow": "GET, HEAD"})
    return None


def _answered(answer: AccessAnswer) -> Response:
    return PlainTextResponse(answer.text, answer.status, dict(answer.headers))


def _target(scope: Scope) -> str:
    """Return path and query as they came; a server need not tell the path in its quoted form."""
    raw = scope.get("raw_path")
    path = raw.decode("latin-1") if raw else quote(str(scope["path"]))
    return f"{path}?{scope['query_string'].decode('latin-1')}"


def _headers(scope: Scope) -> dict[str, str]:
    """Return the headers that access depends on; of several of one name the first counts."""
    headers = Headers(scope=scope)
    return {name: headers[name] for name in ("host", "origin", "cookie") if name in headers}
