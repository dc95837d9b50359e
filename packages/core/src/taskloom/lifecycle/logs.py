"""The standard library's logging, written to the run's `log.jsonl` and shown on its console."""

from __future__ import annotations

import json
import logging
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from taskloom.errors import StoreError
from taskloom.lifecycle.console import Console
from taskloom.runs.writer import JsonLines
from taskloom.secrets.redaction import KNOWN

FILE_ONLY = {"file_only": True}
"""Pass as `extra` of a record that is reported to the user elsewhere."""


class _FileHandler(logging.Handler):
    """Appends one JSON object for every record."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._lines = JsonLines(path)
        self._failed = False

    def emit(self, record: logging.LogRecord) -> None:
        """Append the record; a full disk silences the log but does not end the run."""
        try:
            self._lines.append(json.dumps(KNOWN.tree(_describe(record))))
        except StoreError as error:
            if not self._failed:
                self._failed = True
                logging.getLogger(__name__).error("%s", error)
        except Exception:  # a bad log call of a task must not end its run
            self.handleError(record)

    def close(self) -> None:
        """Close the file."""
        self._lines.close()
        super().close()


class _ConsoleHandler(logging.Handler):
    """Filter that passes all warnings, and all messages of taskloom's own packages."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Show the record."""
        if getattr(record, "file_only", False):
            return
        if record.levelno < logging.WARNING and not record.name.startswith("taskloom"):
            return
        try:
            level = "" if record.levelno < logging.WARNING else f"{record.levelname.lower()}: "
            self._console.say(level + KNOWN.text(record.getMessage()))
        except Exception:  # see _FileHandler.emit
            self.handleError(record)


def _describe(record: logging.LogRecord) -> dict[str, str]:
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    described = {
        "time": f"{whole}.{int(record.msecs):03d}Z",
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": record.getMessage(),
    }
    if record.exc_info and record.exc_info[0] is not None:
        described["exception"] = "".join(traceback.format_exception(*record.exc_info))
    return described


@contextmanager
def logging_to(path: Path, console: Console) -> Iterator[None]:
    """Send log records of level INFO and above, and Python's warnings, to the file and the console while the block runs."""
    root = logging.getLogger()
    handlers = [_FileHandler(path), _ConsoleHandler(console)]
    level = root.level
    root.setLevel(min(level or logging.INFO, logging.INFO))
    for handler in handlers:
        handler.setLevel(logging.INFO)
        root.addHandler(handler)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()
        root.setLevel(level)
