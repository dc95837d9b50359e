"""Small images as inline PNGs, written with the standard library alone."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from taskloom_anomaly.data.images import to_uint8

if TYPE_CHECKING:
    from jaxtyping import Float, UInt8


def png(pixels: UInt8[np.ndarray, "h w c"]) -> bytes:
    """Encode a grey (c = 1) or RGB (c = 3) image as PNG."""
    height, width, channels = pixels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in np.ascontiguousarray(pixels))

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + check

    header = struct.pack(">IIBBBBB", width, height, 8, 0 if channels == 1 else 2, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(rows, 9))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


def gallery(images: Float[np.ndarray, "n h w c"], captions: Sequence[str], width: int = 84) -> str:
    """Return images in [0, 1] side by side as HTML, each with a caption."""
    figures = []
    for image, caption in zip(images, captions, strict=True):
        channels = image if image.shape[-1] in {1, 3} else image.mean(axis=-1, keepdims=True)
        data = base64.b64encode(png(to_uint8(channels))).decode()
        figures.append(
            # The page draws a card around a figure, and these stand in one already.
            f'<figure style="display:inline-block;margin:4px;padding:0;border:0;background:none;text-align:center">'
            f'<img alt="Input, {escape(caption)}" width="{width}"'
            f' style="image-rendering:pixelated" src="data:image/png;base64,{data}">'
            f"<figcaption>{escape(caption)}</figcaption></figure>"
        )
    return "".join(figures)
