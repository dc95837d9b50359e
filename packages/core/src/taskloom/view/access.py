"""Access to the pages that are served to this machine, without a framework: what a request must carry, and what it is answered.

Every page of every site that the user visits can send requests to a local port. Three checks stand in the way:

- a random token, given in the address that is printed, is exchanged for a cookie that scripts cannot read and that other
  sites' requests do not carry;
- the `Host` header must name this server, so that a name that an attacker points at 127.0.0.1 gets nothing;
- an `Origin` header, if there is one, must be this server's own; a WebSocket must have one, since browsers apply no other rule
  to it.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode, urlsplit

COOKIE = "taskloom_view"
"""Beginning of the cookie's name; the port follows, because a browser sends a cookie to every port of its host."""


def new_token() -> str:
    """Return a token that cannot be guessed."""
    return secrets.token_urlsafe(24)


@dataclass(frozen=True, slots=True)
class AccessLink:
    """An address that opens a page.

    Attributes:
        name: Its name; a page is told which links a request may use.
        token: What the address holds.
        cookie: Beginning of the name of its cookie; links of one cookie replace each other in a browser.
        ticket: Value of the cookie. Another than the token's: what other servers of this host see of it opens no address.
        redirects: Whether an address with a token leads to one without; else the page is answered at once, with the cookie,
            and takes the token out of the address itself.
    """

    name: str
    token: str
    cookie: str = COOKIE
    ticket: str = field(default_factory=new_token)
    redirects: bool = True


@dataclass(frozen=True, slots=True)
class AccessAnswer:
    """An answer in place of the page.

    Attributes:
        status: HTTP status.
        text: Its text.
        headers: Further headers, by name in lower case.
    """

    status: int
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Access:
    """Decision about a request.

    Attributes:
        names: The links that it came by; empty if it is answered without the page.
        answer: The answer in place of the page, if there is one.
        cookie: The header that the page's answer sets a cookie with; empty for none.
    """

    names: tuple[str, ...] = ()
    answer: AccessAnswer | None = None
    cookie: str = ""


class AccessRules:
    """Rules of one served page: decides about requests by their target and their headers.

    Args:
        port: The port of the page.
        links: The addresses that open it; the token of one will do.
        told: What is answered to a request that came by none.
        origin: The address of a proxy in front of the server, `https://example.org`, or empty.
    """

    def __init__(
        self, port: int, links: Sequence[AccessLink], told: str, *, origin: str = ""
    ) -> None:
        self._links, self._told, self._port = links, told, port
        self._hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost")}
        self._origins = {f"http://{host}" for host in self._hosts}
        self._is_secure = origin.startswith("https://")
        if origin:
            self._hosts.add(origin.partition("://")[2])
            self._origins.add(origin)

    def judge(self, target: str, headers: Mapping[str, str], *, is_socket: bool = False) -> Access:
        """Return the decision about a request.

        Args:
            target: Path and query, quoted as they came.
            headers: The headers by name in lower case.
            is_socket: Whether it asks for a WebSocket, which a token in the address does not open.
        """
        if headers.get("host", "") not in self._hosts:
            return Access(answer=AccessAnswer(403, "Wrong host."))
        origin = headers.get("origin")
        if origin not in self._origins and (is_socket or origin is not None):
            return Access(answer=AccessAnswer(403, "Wrong origin."))
        parts = urlsplit("/" + target.lstrip("/"))  # one leading slash: `//host` is another site
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        link = None if is_socket else self._link_of([v for name, v in pairs if name == "token"])
        if link is not None:
            cookie = self._cookie_of(link)
            if not link.redirects:
                return Access((link.name,), cookie=cookie)
            rest = urlencode([(name, value) for name, value in pairs if name != "token"])
            place = f"{parts.path}?{rest}" if rest else parts.path
            return Access(answer=AccessAnswer(303, "", {"location": place, "set-cookie": cookie}))
        names = self._names_in(headers.get("cookie", ""))
        return Access(names, None if names else AccessAnswer(403, self._told))

    def _link_of(self, tokens: list[str]) -> AccessLink | None:
        """Return the link of the last token in an address."""
        known = (link for link in self._links if tokens and are_equal(tokens[-1], link.token))
        return next(known, None)

    def _names_in(self, header: str) -> tuple[str, ...]:
        """Return the names of the links whose cookies a request carries."""
        return tuple(
            link.name
            for link in self._links
            if are_equal(cookie_in(header, f"{link.cookie}_{self._port}"), link.ticket)
        )

    def _cookie_of(self, link: AccessLink) -> str:
        secure = "; Secure" if self._is_secure else ""
        name = f"{link.cookie}_{self._port}"
        return f"{name}={link.ticket}; HttpOnly; Path=/; SameSite=strict{secure}"


def are_equal(given: str, known: str) -> bool:
    """Return whether two secrets are the same, in a time that does not tell where they differ."""
    return hmac.compare_digest(given.encode(), known.encode())


def cookie_in(header: str, name: str) -> str:
    """Return the value of a cookie in a `Cookie` header; empty if it is not there."""
    try:
        found = SimpleCookie(header).get(name)
    except CookieError:
        return ""
    return found.value if found is not None else ""
