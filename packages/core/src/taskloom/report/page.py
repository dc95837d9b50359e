"""The page around the sections: one self-contained file that fetches nothing and runs no script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import htpy as h
from markupsafe import Markup

from taskloom import __version__
from taskloom.report import interactive

# No script, no fetch, no frame: whatever text a run or a plugin put in, the browser does nothing with it.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"

# Four threads, woven.
_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16' fill='none' stroke-width='3'%3E"
    "%3Cpath d='M0 5h16M0 11h16' stroke='%230068b3'/%3E%3Cpath d='M5 0v3m0 4v9M11 0v9m0 4v3' stroke='%23c45500'/%3E%3C/svg%3E"
)


@dataclass(frozen=True, slots=True)
class Folded:
    """A part of a page that is closed until it is asked for.

    Attributes:
        name: Its title.
        body: Its contents; a part without contents is left out.
        note: A few words beside the title.
        is_open: True if it is open at first.
    """

    name: str
    body: h.Node
    note: str = ""
    is_open: bool = False


def page(
    title: str,
    header: h.Node,
    sections: Sequence[tuple[str, h.Node]],
    *,
    folds: Sequence[Folded] = (),
    policy: str = POLICY,
    script: str = "",
    wide: bool = False,
    moving: bool = False,
    titled: bool = True,
) -> str:
    """Return a whole document.

    Args:
        title: The window's title.
        header: What stands above the table of contents.
        sections: Headings with their contents; those without contents are left out.
        folds: Parts below them that are closed at first.
        policy: The content security policy; empty when the server sends one.
        script: The address of the viewer's script; a report has none.
        wide: Whether the page uses a wide window.
        titled: Whether the titles of the sections are seen; a page of one section may say all in its header.
        moving: Whether charts are interactive; the page then holds Vega's script and nothing else that runs.
    """
    if moving:
        policy = f"{policy}; {interactive.source_of_script()}"
    present = [(name, _anchor(name), body) for name, body in sections if body]
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    document = h.html(lang="en")[
        h.head[
            h.meta(charset="utf-8"),
            policy and h.meta(http_equiv="Content-Security-Policy", content=policy),
            h.meta(name="viewport", content="width=device-width, initial-scale=1"),
            h.meta(name="generator", content=f"taskloom {__version__}"),
            h.meta(name="color-scheme", content="light dark"),
            h.title[title],
            script and [h.link(rel="icon", href=_ICON), h.script(src=script, defer=True)],
            h.style[Markup(style)],
        ],
        h.body(class_={"wide": wide})[
            h.a(".skip", href="#content")["Skip to the results"],
            header,
            len(present) > 1
            and h.nav(aria_label="Contents")[
                h.ul[(h.li[h.a(href=f"#{anchor}")[name]] for name, anchor, _ in present)]
            ],
            h.main("#content")[
                (
                    h.section(f"#{anchor}", aria_labelledby=f"{anchor}-title")[
                        h.h2(f"#{anchor}-title", class_={"hidden": not titled})[name], body
                    ]
                    for name, anchor, body in present
                ),
                (_fold(part) for part in folds if part.body),
            ],
            h.footer[
                f"Written by taskloom {__version__}.",
                not script and " This file is complete: it needs no network",
                not script
                and (
                    ", and its only script draws the charts." if moving else " and runs no script."
                ),
            ],
            moving and h.script[Markup(interactive.script())],
        ],
    ]
    return str(interactive.WANTED.provider(moving, document))


def _fold(part: Folded) -> h.Element:
    return h.details(f"#{_anchor(part.name)}.fold", open=part.is_open)[
        h.summary[h.h2[part.name], part.note and h.span(".about")[part.note]],
        h.div(".folded")[part.body],
    ]


def _anchor(name: str) -> str:
    return name.lower().replace(" ", "-")
