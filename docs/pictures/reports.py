"""Draw the README's picture: what the reports of `make demo` show first, two by two. Needs Chromium.

python docs/pictures/reports.py [demo-runs]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

KINDS = ("anomaly", "hci", "diffusion", "control")
WIDTH, HEIGHT, SHOWN = 1000, 3600, 1180
PANE, GAP = 640, 12


def photograph(report: Path, target: Path) -> None:
    """Let a browser draw the page as high as it needs."""
    subprocess.run(
        [
            "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            f"--window-size={WIDTH},{HEIGHT}", f"--screenshot={target}", report.resolve().as_uri(),
        ],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip


def main() -> None:
    """Write reports.png beside this file."""
    store = Path(sys.argv[1] if len(sys.argv) > 1 else "demo-runs")
    height = SHOWN * PANE // WIDTH
    sheet = Image.new("RGB", (2 * PANE + GAP, 2 * height + GAP), "#c8ccd0")
    with tempfile.TemporaryDirectory() as folder:
        for place, kind in enumerate(KINDS):
            report = max(store.glob(f"*-{kind}-*/report.html"))
            photograph(report, Path(folder) / "page.png")
            page = Image.open(Path(folder) / "page.png").convert("RGB").crop((0, 0, WIDTH, SHOWN))
            corner = (place % 2 * (PANE + GAP), place // 2 * (height + GAP))
            sheet.paste(page.resize((PANE, height), Image.Resampling.LANCZOS), corner)
    colours = sheet.quantize(160, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    colours.save(Path(__file__).with_name("reports.png"), optimize=True)


if __name__ == "__main__":
    main()
