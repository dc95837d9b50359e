"""Run one step of setting up and say what it is doing: `python tools/step.py "2/4 torch" pip install torch`.

What pip fetches is shown with its size before it begins, as pip is told it by the index; every ten seconds the time that has
passed. All else that the command prints is shown only if it fails.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time

PERIOD = 10.0
"""Time between two signs of life [s]."""
_FETCHES = ("Downloading ", "Using cached ")
_SMALLEST = 5.0
"""Size of a file that is worth a line of its own [MB]."""
_UNITS = {"bytes": 1e-6, "kB": 1e-3, "MB": 1.0, "GB": 1e3}


def size_of(line: str) -> float | None:
    """Return the size [MB] that a line of pip names, if it says that a file is fetched.

    Args:
        line: A line.

    Example:
        >>> size_of("  Downloading torch-2.13.0-cp311-none-linux.whl (180.5 MB)"), size_of("Collecting torch")
        (180.5, None)
    """
    words = line.strip()
    if not words.startswith(_FETCHES) or not words.endswith(")"):
        return None
    number, _, unit = words.rpartition("(")[2].rstrip(")").partition(" ")
    try:
        return float(number) * _UNITS[unit]
    except (KeyError, ValueError):
        return None


def run(title: str, command: list[str]) -> int:
    """Run a command under a title, and return its exit code.

    Args:
        title: What the step is.
        command: The command.
    """
    begun, done = time.monotonic(), threading.Event()
    sys.stdout.write(f"{title}\n")
    sys.stdout.flush()

    def say(text: str) -> None:
        sys.stdout.write(f"    {text}\n")
        sys.stdout.flush()

    def tick() -> None:
        while not done.wait(PERIOD):
            say(f"{time.monotonic() - begun:.0f} s")

    lines: list[str] = []
    fetched = 0.0
    threading.Thread(target=tick, daemon=True).start()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        for line in process.stdout or ():
            lines.append(line)
            size = size_of(line)
            fetched += size or 0.0
            if size is not None and size >= _SMALLEST:
                say(line.strip())
    done.set()
    if process.returncode:
        sys.stdout.write("".join(lines))
    total = f", {fetched:,.0f} MB" if fetched else ""
    say(f"done in {time.monotonic() - begun:.0f} s{total}" if not process.returncode else "failed")
    return process.returncode


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], sys.argv[2:]))
