"""Check of a domain's fragment of HTML: no script, no outside address."""

from __future__ import annotations

from html.parser import HTMLParser

_REFUSED = frozenset(
    {
        "script",
        "iframe",
        "object",
        "embed",
        "base",
        "link",
        "meta",
        "form",
        "frame",
        "frameset",
        "applet",
    }
)
_ADDRESSES = frozenset(
    {"src", "href", "xlink:href", "action", "formaction", "poster", "data", "srcset", "background"}
)


class _Inspector(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.problem = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _REFUSED:
            self.problem = self.problem or f"<{tag}> is not allowed"
        for name, value in attrs:
            text = "".join((value or "").split()).lower()
            if name.startswith("on"):
                self.problem = self.problem or f"the attribute '{name}' is not allowed"
            elif name in _ADDRESSES and not text.startswith(("#", "data:image/")):
                self.problem = self.problem or f"'{name}' names an outside address"
            elif name == "style" and ("url(" in text or "@import" in text):
                self.problem = self.problem or "a style names an outside address"


def problem_of(html: str) -> str:
    """Return why a fragment is refused, as a clause; an empty string when it may stand.

    The page's content security policy blocks scripts and fetches in any case; this says so before a reader wonders.
    """
    inspector = _Inspector()
    inspector.feed(html)
    inspector.close()
    if "@import" in html:
        return "a style names an outside address"
    return inspector.problem
