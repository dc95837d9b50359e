"""The walls around a page of this machine, without a framework: what a request must carry, and what it is answered otherwise.

Every page of every site that the user visits can send requests to a local port. Three walls stand in the way:

- a random token, given in the address that is printed, is exchanged for a cookie that scripts cannot read and that other
  sites' requests do not carry;
- the `Host` header must name this server, so that a name that an attacker points at 127.0.0.1 gets nothing;
- an `Origin` header, if there is one, must be this server's own.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode, urlsplit

COOKIE = "taskloom_view"
"""Beginning of the cookie's name; the port follows, because a browser sends a cookie to every port of its host."""


def new_token() -> str:
    """Return a token that cannot be guessed."""
    return secrets.token_urlsafe(24)


@dataclass(frozen=True, slots=True)
class GateAnswer:
    """An answer in place of the page.

    Attributes:
        status: HTTP status.
        text: Its text.
        headers: Further headers.
    """

    status: int
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class Gate:
    """Decides about requests by their target and their headers.

    Args:
        port: The port of the page.
        token: What the browser must know.
        command: The command that printed the address, for the sentence to those who do not know it.
    """

    def __init__(self, port: int, token: str, command: str = "tasks view") -> None:
        self._hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost")}
        self._token, self._command = token, command
        self._cookie = f"{COOKIE}_{port}"
        # Another value than the token's: what other servers of this host see of it opens no address.
        self._ticket = new_token()

    def judge(self, target: str, headers: Mapping[str, str]) -> GateAnswer | None:
        """Return the answer to a request that is not let through; None if it is.

        Args:
            target: Path and query.
            headers: The headers by name in lower case.
        """
        if headers.get("host", "") not in self._hosts:
            return GateAnswer(403, "Wrong host.")
        origin = headers.get("origin")
        if origin is not None and origin.removeprefix("http://") not in self._hosts:
            return GateAnswer(403, "Wrong origin.")
        parts = urlsplit("/" + target.lstrip("/"))  # one leading slash: `//host` is another site
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        given = [value for name, value in pairs if name == "token"]
        if given and are_equal(given[-1], self._token):
            rest = urlencode([(name, value) for name, value in pairs if name != "token"])
            place = f"{parts.path}?{rest}" if rest else parts.path
            cookie = f"{self._cookie}={self._ticket}; HttpOnly; Path=/; SameSite=strict"
            return GateAnswer(303, "", {"location": place, "set-cookie": cookie})
        if are_equal(cookie_in(headers.get("cookie", ""), self._cookie), self._ticket):
            return None
        return GateAnswer(
            403, f"Open the address that `{self._command}` printed: it holds the key."
        )


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
