"""A real browser without a screen, driven by Playwright: the Chromium of this machine."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from taskloom.cli import main

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--hide-scrollbars",
    # Nothing outside this machine can be reached, whatever a page tries.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
T = TypeVar("T")
# One tiny run of each domain, made once for every test of pages.
COMMANDS = {
    "anomaly": "anomaly toy_features",
    "hci": "hci pointing --episodes=20 --user.lapse=0.25",
    "diffusion": "diffusion polymers --num_polymers=80 --train.steps=3 --evaluate.num_samples=4 --evaluate.num_holdout=6"
    " --denoiser.num_layers=1 --denoiser.width=16 --denoiser.num_heads=2",
    "control": "control cartpole --seconds=0.3",
}


@dataclass(frozen=True)
class Four:
    """A store with one run of each domain, and a second of hci.

    Attributes:
        store: The store.
        commands: What was run, by domain.
    """

    store: Path
    commands: dict[str, str]

    def folder(self, domain: str) -> Path:
        """Return the folder of a domain's first run."""
        return min(self.store.glob(f"*-{domain}-*"))


@pytest.fixture(scope="session")
def four(tmp_path_factory: pytest.TempPathFactory) -> Four:
    """The four runs, with their reports."""
    store = tmp_path_factory.mktemp("four") / "runs"
    for words in [*COMMANDS.values(), "hci pointing --episodes=20 --assistant=none"]:
        assert main(["run", *words.split(), "--store", str(store), "-q"]) == 0
    return Four(store, COMMANDS)


class Tab:
    """One tab of the browser.

    Attributes:
        requests: The addresses that pages asked for since the last `open`.
        complaints: What the console said since the last `open`.
    """

    def __init__(self, do: Callable[[Callable[[], T]], T], page: Any) -> None:  # noqa: ANN401 -- a page of Playwright
        self._do: Callable[[Callable[[], Any]], Any] = do
        self._page = page
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.set_default_timeout(300_000)
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._note)

    def open(
        self, address: str, *, width: int = 1200, height: int = 900, scheme: str = "light"
    ) -> None:
        """Open an address at a size and in a colour scheme, and wait until it has loaded."""
        self.look(width=width, height=height, scheme=scheme)
        self.requests.clear()
        self.complaints.clear()
        self._do(lambda: self._page.goto(address))

    def forget(self, address: str) -> None:
        """Leave the page that is open, and let the browser forget what pages of an address's server have stored."""
        self._do(lambda: self._page.goto("about:blank"))
        kept = {"origin": "/".join(address.split("/")[:3]), "storageTypes": "all"}
        session = self._do(lambda: self._page.context.new_cdp_session(self._page))
        self._do(lambda: session.send("Storage.clearDataForOrigin", kept))
        self._do(session.detach)

    def look(self, *, width: int = 1200, height: int = 900, **media: str) -> None:
        """Show the page that is open at another size, in another scheme (`scheme`) or as printed (`media`)."""
        named = {"color_scheme" if name == "scheme" else name: media[name] for name in media}
        self._do(lambda: self._page.set_viewport_size({"width": width, "height": height}))
        self._do(lambda: self._page.emulate_media(**named))

    def evaluate(self, expression: str) -> Any:  # noqa: ANN401 -- JSON
        """Return the value of a JavaScript expression."""
        return self._do(lambda: self._page.evaluate(expression))

    def press(self, key: str) -> None:
        """Press and release a key."""
        self._do(lambda: self._page.keyboard.press(key))

    def click(self, x: float, y: float) -> None:
        """Press and release the left button of a mouse."""
        self._do(lambda: self._page.mouse.click(x, y))

    def tap(self, x: float, y: float) -> None:
        """Touch the screen with a finger, and take it off."""
        self._do(lambda: self._page.touchscreen.tap(x, y))

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
        self._do(lambda: self._page.screenshot(path=path))

    def violations(self, *rules: str) -> list[str]:
        """Return what axe finds wrong with the page as it is now, of any impact: by every rule, or by those named."""
        from axe_playwright_python.sync_playwright import Axe

        # The page's policy allows no script, and axe is one: it is put in from outside, as its source.
        # What is right is not listed: that takes three times as long.
        asked = {"resultTypes": ["violations"], **({"runOnly": [*rules]} if rules else {})}
        found = self._do(lambda: Axe().run(self._page, options=asked)).response["violations"]
        return [
            f"{item['id']} ({item['impact']}): {node['html'][:120]}"
            for item in found
            for node in item["nodes"]
        ]

    def _note(self, message: Any) -> None:  # noqa: ANN401 -- a message of Playwright
        # What the browser refused or could not load; Vega warns that it is newer than its specs.
        if message.type == "error":
            self.complaints.append(message.text)


@pytest.fixture(scope="session")
def tab() -> Iterator[Tab]:
    """A tab of a fresh Chromium; tests that need it are skipped where none is installed."""
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    from playwright.sync_api import sync_playwright

    # Playwright leaves its event loop running in its thread, where no other test could run one.
    with ThreadPoolExecutor(1) as thread:

        def do(action: Callable[[], T]) -> T:
            return thread.submit(action).result()

        playwright = do(sync_playwright().start)
        browser = do(lambda: playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS))
        try:
            page = do(lambda: browser.new_context(has_touch=True).new_page())
            # Listeners too are put on in that thread: in this one an earlier test may have closed the event loop.
            yield do(lambda: Tab(do, page))
        finally:
            do(browser.close)
            do(playwright.stop)
