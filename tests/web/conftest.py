"""A real browser without a screen, driven by Playwright: the Chromium of this machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

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


class Tab:
    """One tab of the browser.

    Attributes:
        requests: The addresses that pages asked for since the last `open`.
        complaints: What the console said since the last `open`.
    """

    def __init__(self, page: Any) -> None:  # noqa: ANN401 -- a page of Playwright
        self.page = page
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
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.emulate_media(color_scheme=scheme)
        self.requests.clear()
        self.complaints.clear()
        self.page.goto(address)

    def evaluate(self, expression: str) -> Any:  # noqa: ANN401 -- JSON
        """Return the value of a JavaScript expression."""
        return self.page.evaluate(expression)

    def press(self, key: str) -> None:
        """Press and release a key."""
        self.page.keyboard.press(key)

    def violations(self) -> list[str]:
        """Return what axe finds wrong with the page as it is now: every rule, of any impact."""
        from axe_playwright_python.sync_playwright import Axe

        # The page's policy allows no script, and axe is one: it is put in from outside, as its source.
        found = Axe().run(self.page).response["violations"]
        return [
            f"{item['id']} ({item['impact']}): {node['html'][:120]}"
            for item in found
            for node in item["nodes"]
        ]

    def _note(self, message: Any) -> None:  # noqa: ANN401 -- a message of Playwright
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)


@pytest.fixture(scope="session")
def tab() -> Iterator[Tab]:
    """A tab of a fresh Chromium; tests that need it are skipped where none is installed."""
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        try:
            yield Tab(browser.new_context().new_page())
        finally:
            browser.close()
