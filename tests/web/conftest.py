"""A real browser without a screen, spoken to through its own protocol."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    # Nothing outside this machine can be reached, whatever a page tries.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-port=0",
]


KEYS = {"Tab": 9, "Enter": 13, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}


class Tab:
    """One tab of the browser.

    Attributes:
        requests: The addresses that pages asked for since the last `open`.
        complaints: What the console said since the last `open`.
    """

    def __init__(self, connection: Any) -> None:  # noqa: ANN401 -- a websocket
        self._connection = connection
        self._numbers = itertools.count(1)
        self.requests: list[str] = []
        self.complaints: list[str] = []
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:  # noqa: ANN401 -- JSON
        """Send one command and return its answer."""
        number = next(self._numbers)
        self._connection.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._connection.recv(timeout=300))
            if message.get("id") == number:
                assert "error" not in message, message
                return dict(message["result"])
            self._note(message)

    def open(
        self, address: str, *, width: int = 1200, height: int = 900, scheme: str = "light"
    ) -> None:
        """Open an address at a size and in a colour scheme, and wait until it has loaded."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.call(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )
        self.requests.clear()
        self.complaints.clear()
        self.call("Page.navigate", url=address)
        deadline = time.monotonic() + 300
        while self.evaluate("document.readyState") != "complete" and time.monotonic() < deadline:
            time.sleep(0.02)

    def evaluate(self, expression: str) -> Any:  # noqa: ANN401 -- JSON
        """Return the value of a JavaScript expression."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def press(self, key: str) -> None:
        """Press and release a key."""
        code = KEYS.get(key) or ord(key.upper())
        text = {"text": key} if len(key) == 1 else {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
                **(text if kind == "keyDown" else {}),
            )

    def click(self, x: float, y: float) -> None:
        """Press and release the left button of a mouse."""
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            held = {} if kind == "mouseMoved" else {"button": "left", "clickCount": 1}
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **held)

    def tap(self, x: float, y: float) -> None:
        """Touch the screen with a finger, and take it off."""
        self.call("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
        self.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def wait_for(self, expression: str, seconds: float = 60) -> Any:  # noqa: ANN401 -- JSON
        """Return the value of an expression once it is true."""
        deadline = time.monotonic() + seconds
        while not (value := self.evaluate(expression)):
            shown = self.evaluate("document.body.innerText.slice(0, 400)")
            assert time.monotonic() < deadline, f"never true: {expression}; {shown}"
            time.sleep(0.02)
        return value

    def picture(self, path: Path) -> None:
        """Write what is shown as a PNG file."""
        shown = self.call("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(shown["data"]))

    def _note(self, message: dict[str, Any]) -> None:
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(message["params"]["request"]["url"])
        elif message.get("method") == "Log.entryAdded":
            self.complaints.append(message["params"]["entry"]["text"])
        elif message.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(str(message["params"]["exceptionDetails"]))


@pytest.fixture(scope="session")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    """A tab of a fresh Chromium; tests that need it are skipped where none is installed."""
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    from websockets.sync.client import connect

    profile = tmp_path_factory.mktemp("profile")
    with (profile / "log").open("w") as log:
        process = subprocess.Popen(
            [CHROMIUM, *OPTIONS, f"--user-data-dir={profile}", "about:blank"],
            stdout=log,
            stderr=log,
        )
    try:
        port, path = _where(profile)
        # No pings: a browser on a busy machine may be silent for longer than they allow.
        quiet: dict[str, Any] = {"max_size": None, "ping_interval": None}
        with connect(f"ws://127.0.0.1:{port}{path}", **quiet) as browser:
            browser.send(
                json.dumps(
                    {"id": 1, "method": "Target.createTarget", "params": {"url": "about:blank"}}
                )
            )
            answer = json.loads(browser.recv(timeout=300))
            while answer.get("id") != 1:
                answer = json.loads(browser.recv(timeout=300))
            target = answer["result"]["targetId"]
            page = f"ws://127.0.0.1:{port}/devtools/page/{target}"
            with connect(page, **quiet) as connection:
                yield Tab(connection)
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(100)
        process.kill()
        process.wait()


def _where(profile: Path) -> tuple[str, str]:
    """Return the port and path that the browser wrote into its profile."""
    deadline = time.monotonic() + 300
    file = profile / "DevToolsActivePort"
    while time.monotonic() < deadline:
        if file.exists() and len(lines := file.read_text().splitlines()) == 2:
            return lines[0], lines[1]
        time.sleep(0.05)
    raise TimeoutError(f"Chromium did not start: {(profile / 'log').read_text()[-2000:]}")
