"""The page around the sections: one self-contained file that fetches nothing and runs no script."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import htpy as h
from markupsafe import Markup

from taskloom import __version__

# No script, no fetch, no frame: whatever text a run or a plugin put in, the browser does nothing with it.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


def page(title: str, header: h.Node, sections: Sequence[tuple[str, h.Node]]) -> str:
    """Return a whole document.

    Args:
        title: The window's title.
        header: What stands above the table of contents.
        sections: Headings with their contents; those without contents are left out.
    """
    present = [(name, _anchor(name), body) for name, body in sections if body]
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    document = h.html(lang="en")[
        h.head[
            h.meta(charset="utf-8"),
            h.meta(http_equiv="Content-Security-Policy", content=POLICY),
            h.meta(name="viewport", content="width=device-width, initial-scale=1"),
            h.meta(name="generator", content=f"taskloom {__version__}"),
            h.meta(name="color-scheme", content="light dark"),
            h.title[title],
            h.style[Markup(style)],
        ],
        h.body[
            h.a(".skip", href="#content")["Skip to the results"],
            header,
            h.nav(aria_label="Contents")[
                h.ul[(h.li[h.a(href=f"#{anchor}")[name]] for name, anchor, _ in present)]
            ],
            h.main("#content")[
                (
                    h.section(f"#{anchor}", aria_labelledby=f"{anchor}-title")[
                        h.h2(f"#{anchor}-title")[name], body
                    ]
                    for name, anchor, body in present
                )
            ],
            h.footer[
                f"Written by taskloom {__version__}. This file is complete: it needs no network and runs no script."
            ],
        ],
    ]
    return str(document)


def _anchor(name: str) -> str:
    return name.lower().replace(" ", "-")
