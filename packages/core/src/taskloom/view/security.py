"""Access to the pages that are served to this machine: the browser that was given the address.

Every page of every site that the user visits can send requests to a local port. Three walls stand in the way:

- a random token, given in the address that is printed, is exchanged for a cookie that scripts cannot read and that other
  sites' requests do not carry;
- the `Host` header must name this server, so that a name that an attacker points at 127.0.0.1 gets nothing;
- an `Origin` header, if there is one, must be this server's own; a WebSocket must have one, since browsers apply no other rule
  to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from taskloom.view.gate import COOKIE, are_equal, cookie_in, new_token

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


@dataclass(frozen=True, slots=True)
class Door:
    """One way in.

    Attributes:
        name: Its name; the application finds those that a request came through in `scope["doors"]`.
        token: What the address holds.
        cookie: Beginning of the name of its cookie; doors of one name replace each other in a browser.
        ticket: Value of the cookie. Another than the token's: what other servers of this host see of it opens no address.
        redirects: Whether an address with a token leads to one without; else the page is answered at once, with the cookie,
            and takes the token out of the address itself.
    """

    name: str
    token: str
    cookie: str = COOKIE
    ticket: str = field(default_factory=new_token)
    redirects: bool = True


class Guard:
    """Lets requests through to the application that the walls allow, and marks every answer.

    Args:
        app: The application.
        port: The port it is served at.
        doors: The ways in; the token of one will do.
        origin: The address of a proxy in front of this server, `https://example.org`, or empty.
        told: What is answered without a token.
    """

    def __init__(
        self,
        app: ASGIApp,
        port: int,
        doors: Sequence[Door],
        *,
        origin: str = "",
        told: str = "Open the address that `tasks view` printed: it holds the key.",
    ) -> None:
        self._app, self._port, self._doors, self._told = app, port, doors, told
        self._hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost")}
        self._origins = {f"http://{host}" for host in self._hosts}
        self._is_secure = origin.startswith("https://")
        if origin:
            self._hosts.add(origin.partition("://")[2])
            self._origins.add(origin)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or let one WebSocket through."""
        if scope["type"] == "websocket":
            await self._connect(scope, receive, send)
            return
        if scope["type"] != "http":
            return

        cookie = ""

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                if cookie:
                    headers.append("set-cookie", cookie)
            await send(message)

        answer = self._refusal(scope)
        if answer is None:
            door = self._greeted(scope)
            if door is not None and door.redirects:
                answer = self._without_token(scope)
            if door is None and not self._doors_of(scope):
                answer = PlainTextResponse(self._told, 403)
            scope["doors"] = [door.name] if door is not None else self._doors_of(scope)
            cookie = self._cookie_of(door) if door is not None else ""
        await (answer or self._app)(scope, receive, marked)

    async def _connect(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        allowed = headers.get("host", "") in self._hosts and headers.get("origin") in self._origins
        scope["doors"] = self._doors_of(scope) if allowed else []
        if scope["doors"]:
            await self._app(scope, receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1008})

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if headers.get("host", "") not in self._hosts:
            return PlainTextResponse("Wrong host.", 403)
        origin = headers.get("origin")
        if origin is not None and origin not in self._origins:
            return PlainTextResponse("Wrong origin.", 403)
        if scope["method"] not in ("GET", "HEAD"):
            return PlainTextResponse("The viewer only reads.", 405, {"Allow": "GET, HEAD"})
        return None

    def _greeted(self, scope: Scope) -> Door | None:
        """Return the door whose token is in the address."""
        given = [value for name, value in _query(scope) if name == "token"]
        if not given:
            return None
        return next((door for door in self._doors if are_equal(given[-1], door.token)), None)

    def _doors_of(self, scope: Scope) -> list[str]:
        """Return the doors whose cookie a request carries."""
        header = Headers(scope=scope).get("cookie", "")
        return [
            door.name
            for door in self._doors
            if are_equal(cookie_in(header, f"{door.cookie}_{self._port}"), door.ticket)
        ]

    def _without_token(self, scope: Scope) -> Response:
        rest = urlencode([(name, value) for name, value in _query(scope) if name != "token"])
        # One leading slash: `//host` would be another site.
        path = "/" + str(scope["path"]).lstrip("/")
        return RedirectResponse(f"{path}?{rest}" if rest else path, 303)

    def _cookie_of(self, door: Door) -> str:
        """Return the header that sets the cookie of a door."""
        answer = Response()
        answer.set_cookie(
            f"{door.cookie}_{self._port}",
            door.ticket,
            httponly=True,
            samesite="strict",
            path="/",
            secure=self._is_secure,
        )
        return answer.headers["set-cookie"]


def _query(scope: Scope) -> list[tuple[str, str]]:
    return parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
