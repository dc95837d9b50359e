"""Draw the README's picture: what the reports of `make demo` show first, side by side. Needs Chromium.

python docs/pictures/reports.py [demo-runs]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

KINDS = ("anomaly", "hci", "diffusion", "control")
WIDTH, HEIGHT, SHOWN = 1000, 3600, 2400
PANE = 420


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
    sheet = Image.new("RGB", (len(KINDS) * (PANE + 12) - 12, height), "#c8ccd0")
    with tempfile.TemporaryDirectory() as folder:
        for place, kind in enumerate(KINDS):
            report = max(store.glob(f"*-{kind}-*/report.html"))
            photograph(report, Path(folder) / "page.png")
            page = Image.open(Path(folder) / "page.png").convert("RGB").crop((0, 0, WIDTH, SHOWN))
            sheet.paste(
                page.resize((PANE, height), Image.Resampling.LANCZOS), (place * (PANE + 12), 0)
            )
    colours = sheet.quantize(160, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    colours.save(Path(__file__).with_name("reports.png"), optimize=True)


if __name__ == "__main__":
    main()
