"""Folders of images as samples: read when they are needed, in the order of their names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from taskloom.errors import ConfigError, MissingExtraError

from taskloom_anomaly.data.arrays import ArrayDataset

if TYPE_CHECKING:
    from jaxtyping import Float, Int

Layout: TypeAlias = Literal["hwc", "chw"]

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".webp")


@dataclass(frozen=True)
class ImageFolder:
    """The images of a folder; implements `BulkDataset`.

    Attributes:
        files: The images.
        layout: The order of the axes: height, width, channels; or channels first, as torch's convolutions take them.
        size: Height and width to which every image is resized; None where all have one size.
    """

    files: tuple[Path, ...]
    layout: Layout = "hwc"
    size: tuple[int, int] | None = None

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int, /) -> Float[np.ndarray, ...]:
        return read_image(self.files[index], self.layout, self.size)

    def read(self, rows: Int[np.ndarray, " m"], /) -> ArrayDataset:
        """Return some images.

        Raises:
            ConfigError: One cannot be read, or has another size than the first.
        """
        found = [self[int(row)] for row in rows]
        for row, image in zip(rows, found, strict=True):
            if image.shape != found[0].shape:
                raise ConfigError(
                    f"The image '{self.files[int(row)].name}' has the shape {image.shape}, and '{self.files[int(rows[0])].name}'"
                    f" {found[0].shape}; --resize HEIGHT,WIDTH makes them alike."
                )
        return ArrayDataset(np.stack(found))


def image_files(folder: Path) -> tuple[Path, ...]:
    """Return the images of a folder in the order of their names.

    Raises:
        ConfigError: There is none.
    """
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS)
    if not found:
        raise ConfigError(f"The folder '{folder}' has no image: none of {', '.join(ENDINGS)}.")
    return tuple(found)


def is_image_folder(path: Path) -> bool:
    """Return whether a path is a folder with an image in it."""
    return path.is_dir() and any(item.suffix.lower() in ENDINGS for item in path.iterdir())


def read_image(
    path: Path, layout: Layout = "hwc", size: tuple[int, int] | None = None
) -> Float[np.ndarray, ...]:
    """Return an image in [0, 1] with one channel if it is grey and three otherwise.

    Args:
        path: The file.
        layout: The order of the axes.
        size: Height and width to resize to.

    Raises:
        ConfigError: It is no image.
        MissingExtraError: pillow is not installed.
    """
    library = _pillow()
    try:
        with library.open(path) as image:
            deep = image.mode.startswith("I")
            plain = image.convert("F" if deep else "L" if image.mode in ("1", "L", "LA") else "RGB")
    except (OSError, ValueError, SyntaxError) as error:
        raise ConfigError(f"The image '{path.name}' cannot be read: {error}.") from None
    if size is not None and plain.size != (size[1], size[0]):
        plain = plain.resize((size[1], size[0]), library.Resampling.BILINEAR)
    # 16 bits a pixel would be cut at 255 on the way to 8.
    pixels = np.asarray(plain, np.float32) / np.float32(65535 if deep else 255)
    pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels
    return pixels if layout == "hwc" else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def layout_of(shape: Sequence[int]) -> Layout:
    """Return the order of the axes of images of a shape: channels are 1 or 3, and first only where they cannot be last."""
    return "chw" if len(shape) == 3 and shape[0] in (1, 3) and shape[-1] not in (1, 3) else "hwc"


def _pillow() -> Any:  # noqa: ANN401 -- the module
    try:
        from PIL import Image  # pillow is heavy
    except ImportError:
        raise MissingExtraError(
            "Folders of images need pillow, which is not installed.",
            hint="pip install 'taskloom-anomaly[images]'",
        ) from None
    return Image
