"""Serving the viewer to this machine."""

from __future__ import annotations

import socket
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from taskloom.errors import MissingExtraError, StoreError, UsageError
from taskloom.system.processes import take_port_alone
from taskloom.view.access import AccessLink, new_token

ADDRESS = "127.0.0.1"
_NEEDED = ("starlette", "uvicorn", "htpy", "vl_convert")


def serve(store: Path, port: int, ready: Callable[[str], None]) -> None:
    """Serve a store until the process is interrupted.

    The viewer is never reachable from another machine: over a network, forward the port with ssh.

    Args:
        store: The run store.
        port: The port; 0 takes a free one.
        ready: Called with the address to open, once the port is ours.

    Raises:
        MissingExtraError: The extra `view` is not installed.
        StoreError: There is no such store.
        UsageError: The port cannot be used.
    """
    require_view_extra()
    if not store.is_dir():
        raise StoreError(
            f"There is no store {store}.", hint="Choose another with --store or TASKS_STORE."
        )
    import uvicorn

    from taskloom.view import security
    from taskloom.view.app import make_app

    with listen(port) as listener:
        taken = listener.getsockname()[1]
        token = new_token()
        app = security.Guard(make_app(store.resolve()), taken, [AccessLink("viewer", token)])
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,  # it would write the token
            server_header=False,
            lifespan="off",
            proxy_headers=False,
            timeout_graceful_shutdown=1,
        )
        ready(f"http://{ADDRESS}:{taken}/?token={token}")
        uvicorn.Server(config).run(sockets=[listener])


def require_view_extra() -> None:
    """Refuse to make pages where what makes them is not installed.

    Raises:
        MissingExtraError: So it is; the message holds the line that installs it.
    """
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"The viewer needs {' and '.join(missing)}, not installed here: pip install 'taskloom[view]'"
        )


def listen(port: int) -> socket.socket:
    """Return a socket that listens on this machine alone.

    Args:
        port: The port; 0 takes a free one.

    Raises:
        UsageError: The port cannot be used.
    """
    # Named as TCP, for asyncio sends small messages at once only on sockets that say so: otherwise the second of two waits
    # 40 ms for the acknowledgement of the first.
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    take_port_alone(listener)
    try:
        listener.bind((ADDRESS, port))
        # From here on a browser that opens the address waits; before, it would be refused.
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or "it is no port number"
        raise UsageError(
            f"--port={port} cannot be used: {reason}.", hint="--port=0 takes a free one."
        ) from None
    return listener
