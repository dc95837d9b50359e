"""A viser server of this machine only, behind the rules of `tasks view`: a browser without the address's token gets nothing.

viser binds every interface unless it is told otherwise, answers every request, and checks no token. It hands requests to the
function that it gives `websockets` as `process_request`; ours is put before it while the server starts. Whether that worked is
asked of the server itself before its address is told: without the rules there is no page.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from taskloom.errors import MissingExtraError, UsageError
from taskloom.view.access import AccessLink, AccessRules, new_token
from taskloom.view.serve import ADDRESS, listen

from taskloom_control.errors import LinkError

if TYPE_CHECKING:
    import viser

# The client is one file with everything in it; nothing else may be loaded, and nothing may be spoken to but this server.
_POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; connect-src 'self' data: blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_STARTING = threading.Lock()
_FAREWELL = 0.1  # [s] until its thread has said it


def open_server(port: int, title: str) -> tuple[viser.ViserServer, str]:
    """Start a server, and return it with the address that opens it.

    Args:
        port: The port on 127.0.0.1; 0 takes a free one.
        title: What its panel is called.

    Raises:
        MissingExtraError: viser is not installed.
        UsageError: The port cannot be used.
        LinkError: The server would answer a browser without the token.
    """
    if find_spec("viser") is None:
        raise MissingExtraError(
            "The page needs viser, not installed here: pip install 'taskloom-control[watch]'"
        )
    import viser  # heavy: a web server, and trimesh

    # Taken and let go: viser looks for another port by itself where this one is in use, without a word.
    with listen(port) as listener:
        taken = int(listener.getsockname()[1])
    token = new_token()
    told = "Open the address that `tasks control watch` printed: it holds the key."
    rules = AccessRules(taken, [AccessLink("watch", token)], told)
    # An environment variable of viser's would have the last word on the port.
    os.environ.pop("_VISER_PORT_OVERRIDE", None)
    # Its greeting names an address without the token, and stdout is for what a program reads.
    with _STARTING, _guarded(rules), contextlib.redirect_stdout(io.StringIO()):
        server = viser.ViserServer(host=ADDRESS, port=taken, verbose=False)
    if server.get_port() != taken or server.get_host() != ADDRESS:
        close_server(server)
        raise UsageError(f"--port={taken} cannot be used.", hint="--port=0 takes a free one.")
    if _status(taken) != 403:
        close_server(server)
        raise LinkError(
            "This version of viser answers without asking for the token; install viser 1.1."
        )
    server.gui.set_panel_label(title)
    return server, f"http://{ADDRESS}:{taken}/?token={token}"


def close_server(server: viser.ViserServer) -> None:
    """End a server, without its farewell."""
    with contextlib.redirect_stdout(io.StringIO()):
        server.stop()
        time.sleep(_FAREWELL)


@contextmanager
def _guarded(rules: AccessRules) -> Iterator[None]:
    """Judge the requests of the next server before it answers them."""
    from websockets.asyncio import server as module
    from websockets.datastructures import Headers
    from websockets.http11 import Response

    original: Any = module.serve

    def serve(*args: Any, process_request: Callable[..., Any], **more: Any) -> Any:  # noqa: ANN401 -- websockets' own
        def judged(connection: Any, request: Any) -> Any:  # noqa: ANN401 -- websockets' own
            headers = {name.lower(): value for name, value in request.headers.raw_items()}
            # The handshake of a WebSocket is a request too, and says so.
            is_socket = headers.get("upgrade", "").lower() == "websocket"
            refused = rules.judge(request.path, headers, is_socket=is_socket).answer
            if refused is None:
                answer = process_request(connection, request)
                if answer is not None:
                    for name, value in _HEADERS.items():
                        answer.headers[name] = value
                return answer
            text = refused.text.encode()
            fields = Headers({**_HEADERS, **refused.headers, "Content-Length": str(len(text))})
            return Response(refused.status, "", fields, text)

        return original(*args, process_request=judged, **more)

    setattr(module, "serve", serve)  # noqa: B010 -- put back below
    try:
        yield
    finally:
        setattr(module, "serve", original)  # noqa: B010 -- what it was


def _status(port: int) -> int:
    """Return what the server answers to a request without the token."""
    connection = http.client.HTTPConnection(ADDRESS, port, timeout=10)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()
