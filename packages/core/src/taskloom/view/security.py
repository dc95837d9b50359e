"""Access to the viewer: the browser that was given the address, on this machine; see `taskloom.view.gate`."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from taskloom.view.gate import Gate

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
    """Lets requests through to the application that the walls allow, and marks every answer.

    Args:
        app: The application.
        port: The port it is served at.
        token: What the browser must know.
    """

    def __init__(self, app: ASGIApp, port: int, token: str) -> None:
        self._app, self._gate = app, Gate(port, token)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await (self._answer(scope) or self._app)(scope, receive, marked)

    def _answer(self, scope: Scope) -> Response | None:
        """Return the answer to a request that is not let through; None if it is."""
        query = scope["query_string"].decode("latin-1")
        path = (scope.get("raw_path") or str(scope["path"]).encode()).decode("latin-1")
        target = f"{path}?{query}" if query else path
        found = self._gate.judge(target, dict(Headers(scope=scope).items()))
        if found is not None and found.status == 403 and found.text.startswith("Wrong"):
            return PlainTextResponse(found.text, found.status)
        if scope["method"] not in ("GET", "HEAD"):
            return PlainTextResponse("The viewer only reads.", 405, {"Allow": "GET, HEAD"})
        if found is None:
            return None
        return PlainTextResponse(found.text, found.status, dict(found.headers))
