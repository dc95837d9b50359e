"""Access to the viewer: the browser that was given the address, on this machine.

Every page of every site that the user visits can send requests to a local port. Three walls stand in the way:

- a random token, given in the address that is printed, is exchanged for a cookie that scripts cannot read and that other
  sites' requests do not carry;
- the `Host` header must name this server, so that a name that an attacker points at 127.0.0.1 gets nothing;
- an `Origin` header, if there is one, must be this server's own.
"""

from __future__ import annotations

import hmac
import secrets
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "taskloom_view"
"""Beginning of the cookie's name; the port follows, because a browser sends a cookie to every port of its host."""
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


def new_token() -> str:
    """Return a token that cannot be guessed."""
    return secrets.token_urlsafe(24)


class Guard:
    """Lets requests through to the application that the walls allow, and marks every answer.

    Args:
        app: The application.
        port: The port it is served at.
        token: What the browser must know.
    """

    def __init__(self, app: ASGIApp, port: int, token: str) -> None:
        self._app = app
        self._hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost")}
        self._token = token
        self._cookie = f"{COOKIE}_{port}"
        # Another value than the token's: what other servers of this host see of it opens no address.
        self._ticket = new_token()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        answer = self._refusal(scope) or self._greeting(scope)
        await (answer or self._app)(scope, receive, marked)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if headers.get("host", "") not in self._hosts:
            return PlainTextResponse("Wrong host.", 403)
        origin = headers.get("origin")
        if origin is not None and origin.removeprefix("http://") not in self._hosts:
            return PlainTextResponse("Wrong origin.", 403)
        if scope["method"] not in ("GET", "HEAD"):
            return PlainTextResponse("The viewer only reads.", 405, {"Allow": "GET, HEAD"})
        return None

    def _greeting(self, scope: Scope) -> Response | None:
        """Exchange the token in the address for a cookie; refuse a request that has neither."""
        pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = [value for name, value in pairs if name == "token"]
        if given and _are_equal(given[-1], self._token):
            rest = urlencode([(name, value) for name, value in pairs if name != "token"])
            # One leading slash: `//host` would be another site.
            path = "/" + str(scope["path"]).lstrip("/")
            answer = RedirectResponse(f"{path}?{rest}" if rest else path, 303)
            answer.set_cookie(
                self._cookie, self._ticket, httponly=True, samesite="strict", path="/"
            )
            return answer
        if _are_equal(_cookie(Headers(scope=scope).get("cookie", ""), self._cookie), self._ticket):
            return None
        return PlainTextResponse(
            "Open the address that `tasks view` printed: it holds the key.", 403
        )


def _are_equal(given: str, known: str) -> bool:
    return hmac.compare_digest(given.encode(), known.encode())


def _cookie(header: str, name: str) -> str:
    try:
        found = SimpleCookie(header).get(name)
    except CookieError:
        return ""
    return found.value if found is not None else ""
