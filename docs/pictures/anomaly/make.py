"""Draw the pictures of the anomaly page from a real run: two parts of its report. Needs Chromium.

OMP_NUM_THREADS=1 python docs/pictures/anomaly/make.py
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

WIDTH, HEIGHT = 1100, 3000
RUN = ["run", "anomaly", "backdoor", "--name=corner"]
# First and last row of each part [pixels of a page as wide as above].
PARTS = {"roc.png": (690, 1195), "scores.png": (1200, 2090)}


def main() -> None:
    """Write the pictures beside this file."""
    here = Path(__file__).parent
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        start = "import sys; from taskloom.cli import main; sys.exit(main())"
        subprocess.run([sys.executable, "-c", start, *RUN, f"--store={folder}"], check=True)
        (report,) = folder.glob("*/report.html")
        subprocess.run(
            [
                "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                "--virtual-time-budget=6000", f"--window-size={WIDTH},{HEIGHT}",
                f"--screenshot={folder / 'page.png'}", report.as_uri(),
            ],
            check=True, capture_output=True, timeout=300,
        )  # fmt: skip
        page = Image.open(folder / "page.png").convert("RGB")
    for target, (top, bottom) in PARTS.items():
        part = page.crop((0, top, WIDTH, bottom)).resize(
            (WIDTH * 4 // 5, (bottom - top) * 4 // 5), Image.Resampling.LANCZOS
        )
        part.quantize(256, dither=Image.Dither.NONE).save(here / target, optimize=True)


if __name__ == "__main__":
    main()
