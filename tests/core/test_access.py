"""Access to served pages: one set of rules for every server, by what a request carries."""

from __future__ import annotations

import asyncio
import itertools
from urllib.parse import quote

import pytest
from starlette.types import Message, Receive, Scope, Send
from taskloom.view.access import AccessLink, AccessRules
from taskloom.view.security import Guard

PORT = 8000
LINKS = [AccessLink("all", "open"), AccessLink("one", "sesame", "taskloom_one", redirects=False)]
HERE = {"host": f"127.0.0.1:{PORT}"}
OWN = f"http://127.0.0.1:{PORT}"
PROXY = "https://study.example.org"


def cookie(link: AccessLink) -> str:
    return f"{link.cookie}_{PORT}={link.ticket}"


@pytest.mark.parametrize(
    ("host", "origin", "held", "is_socket"),
    list(
        itertools.product(
            (f"127.0.0.1:{PORT}", f"localhost:{PORT}", "evil.example", ""),
            (None, OWN, f"http://localhost:{PORT}", "http://evil.example", "null"),
            ("", "ticket", "token", "another port's"),
            (False, True),
        )
    ),
)
def test_only_host_origin_and_cookie_together_open_a_page(
    host: str, origin: str | None, held: str, is_socket: bool
) -> None:
    values = {
        "": "",
        "ticket": cookie(LINKS[0]),
        "token": f"taskloom_view_{PORT}=open",
        "another port's": cookie(LINKS[0]).replace(str(PORT), "8001"),
    }
    headers = {"host": host, "cookie": values[held]}
    headers |= {} if origin is None else {"origin": origin}
    access = AccessRules(PORT, LINKS, "no").judge("/runs", headers, is_socket=is_socket)
    is_ours = origin in (OWN, f"http://localhost:{PORT}") or (origin is None and not is_socket)
    opens = host.endswith(f":{PORT}") and is_ours and held == "ticket"
    assert access.names == (("all",) if opens else ())
    assert (access.answer is None) == opens
    assert not access.cookie


def test_a_token_is_exchanged_once_and_taken_out_of_the_address() -> None:
    rules = AccessRules(PORT, LINKS, "no", origin=PROXY)
    moved = rules.judge("//runs/a%20b?x=1&token=wrong&token=open&y=%26", HERE)
    assert moved.answer is not None
    assert moved.answer.status == 303
    assert moved.answer.headers["location"] == "/runs/a%20b?x=1&y=%26"
    flags = "; HttpOnly; Path=/; SameSite=strict; Secure"
    assert moved.answer.headers["set-cookie"] == cookie(LINKS[0]) + flags
    stays = rules.judge("/?token=sesame", {"host": "study.example.org", "origin": PROXY})
    assert (stays.names, stays.answer, stays.cookie) == (("one",), None, cookie(LINKS[1]) + flags)


def test_a_token_in_the_address_opens_no_socket_and_the_last_one_counts() -> None:
    rules = AccessRules(PORT, LINKS, "no")
    asked = rules.judge("/?token=open", {**HERE, "origin": OWN}, is_socket=True)
    assert asked.answer is not None
    assert asked.answer.text == "no"
    last = rules.judge("/?token=open&token=wrong", HERE)
    assert last.answer is not None
    assert last.answer.status == 403


def test_a_browser_that_holds_several_cookies_came_by_all_of_their_links() -> None:
    both = "; ".join(cookie(link) for link in LINKS)
    assert AccessRules(PORT, LINKS, "no").judge("/", {**HERE, "cookie": both}).names == (
        "all",
        "one",
    )


@pytest.mark.parametrize("is_told_raw", [True, False])
@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("path", ["/", "/runs/a b", "/runs/%", "//evil.example/x", "/ä"])
def test_a_guard_answers_as_the_rules_do(path: str, kind: str, is_told_raw: bool) -> None:
    """The adapter of a framework passes on what came: a path in either form, and the headers."""
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        await send({"type": "app", "access": scope["access"]})

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {
        "type": kind,
        "method": "GET",
        "path": path,
        "query_string": b"token=open",
        "headers": [(b"host", HERE["host"].encode()), (b"origin", OWN.encode())],
    }
    scope |= {"raw_path": quote(path).encode()} if is_told_raw else {}
    asyncio.run(Guard(app, PORT, LINKS, told="no")(scope, receive, send))
    if kind == "websocket":
        assert sent == [{"type": "websocket.close", "code": 1008}]
        return
    headers = dict(sent[0]["headers"])
    assert sent[0]["status"] == 303
    assert headers[b"location"].decode() == "/" + quote(path).lstrip("/")
    assert headers[b"set-cookie"].decode().startswith(cookie(LINKS[0]))
