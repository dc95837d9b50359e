"""Games as text and as pictures, for learners' tools that record what they see."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.errors import HciError
from taskloom_hci.report.layout import Drawn, Layout, layout
from taskloom_hci.task import Role

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

RENDER_MODES = ["ansi", "rgb_array"]
WIDTH, HEIGHT = 640, 400  # of a picture; a layout is 1000 by 600
SCALE = 0.64
TOP = 8  # what is left of the height, halved

# Shades that stay apart without colour vision; the form of a shape says the same as its shade.
_FILL = {
    "cell": None,
    "target": None,
    "goal": (204, 121, 167),
    "cursor": (0, 114, 178),
    "belief": (230, 159, 0),
    "field": (0, 0, 0),
    "sharp": (60, 60, 60),
    "button": (235, 235, 235),
}
_LINE = (40, 40, 40)


def require_mode(mode: str | None) -> None:
    """Raise unless a game can be shown so: a picture needs Pillow."""
    if mode not in {None, *RENDER_MODES}:
        raise HciError(f"The render mode is 'ansi', 'rgb_array' or None, not {mode!r}.")
    if mode == "rgb_array" and not can_draw():
        raise HciError("Pictures need Pillow: pip install 'taskloom-hci[pictures]'.")


def can_draw() -> bool:
    """Return whether Pillow is installed."""
    return find_spec("PIL") is not None


def render(bundle: Bundle, role: Role, mode: str | None) -> str | NDArray[np.uint8] | None:
    """Return a game as its render mode says: text, a picture of what the role may see, or nothing."""
    if mode == "ansi":
        return bundle.render()
    return picture(layout(bundle, role)) if mode == "rgb_array" else None


def picture(scene: Layout) -> NDArray[np.uint8]:
    """Return a layout as a picture (400, 640, 3); the same layout gives the same bytes."""
    from PIL import Image, ImageDraw  # heavy: an extra

    image = Image.new("RGB", (WIDTH, HEIGHT), (255, 255, 255))
    pen = ImageDraw.Draw(image)
    for shape in scene.shapes:
        _draw(pen, shape)
    return np.asarray(image, dtype=np.uint8).copy()


def _draw(pen: ImageDraw, shape: Drawn) -> None:
    x, y = shape.x * SCALE, TOP + shape.y * SCALE
    w, h = max(shape.w * SCALE / 2, 1.0), max(shape.h * SCALE / 2, 1.0)
    fill, box = _FILL.get(shape.role), (x - w, y - h, x + w, y + h)
    if shape.kind == "rect":
        pen.rectangle(box, fill=fill, outline=_LINE)
    elif shape.kind == "circle":
        pen.ellipse(box, fill=fill, outline=_LINE if shape.role != "sharp" else None, width=2)
    elif shape.kind == "cross":
        pen.line((x - w, y, x + w, y), fill=(213, 94, 0), width=2)
        pen.line((x, y - h, x, y + h), fill=(213, 94, 0), width=2)
    elif shape.kind == "triangle":
        pen.polygon(((x, y - h), (x - w, y + h), (x + w, y + h)), fill=fill, outline=_LINE)
    elif shape.kind == "star":
        turns = np.arange(10) * np.pi / 5 - np.pi / 2
        reach = np.where(np.arange(10) % 2, 0.45, 1.0)
        points = zip(x + w * reach * np.cos(turns), y + h * reach * np.sin(turns), strict=True)
        pen.polygon([(float(a), float(b)) for a, b in points], fill=fill, outline=_LINE)
    if shape.label:
        _write(pen, x, y, shape)


def _write(pen: ImageDraw, x: float, y: float, shape: Drawn) -> None:
    from PIL import ImageFont  # heavy: an extra

    size = shape.h * SCALE if shape.kind == "text" else 11.0
    font = ImageFont.load_default(size=max(size, 8.0))
    pen.text((x, y), shape.label, fill=_LINE, font=font, anchor="mm")
