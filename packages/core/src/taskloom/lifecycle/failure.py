"""Description of an exception for a user: the frames of their own code, one sentence, and the next step."""

from __future__ import annotations

import errno
import sysconfig
import traceback
from pathlib import Path
from types import TracebackType

import taskloom
from taskloom.errors import ProcessLostError, TaskloomError
from taskloom.runs.record import Failure
from taskloom.secrets.redaction import KNOWN

_CORE = str(Path(taskloom.__file__).parent)
_REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_INSTALLED = tuple({sysconfig.get_paths()[key] for key in ("stdlib", "purelib", "platlib")})


def describe_failure(error: BaseException) -> Failure:
    """Return the class, text and trimmed traceback of an exception."""
    return Failure(
        type(error).__name__,
        KNOWN.text(_message(error)),
        KNOWN.text(trimmed_traceback(error)),
        hint=KNOWN.text(error.hint) if isinstance(error, TaskloomError) else "",
        foreseen=isinstance(error, TaskloomError),
    )


def first_line(failure: Failure) -> str:
    """Return `ValueError: what it said`, cut to one line."""
    text = failure.message.strip().splitlines()
    return f"{failure.type}: {text[0][:300]}" if text else failure.type


def trimmed_traceback(error: BaseException) -> str:
    """Return the traceback without core's frames, and without those deep inside libraries.

    Kept are the frames of code that is neither core nor installed, and the last frame, where the exception was raised. A chain
    of causes is kept, each part trimmed alike.
    """
    summary = traceback.TracebackException.from_exception(error)
    if isinstance(error, TaskloomError):
        summary.__notes__ = None  # its hint, which the record keeps beside
    part: traceback.TracebackException | None = summary
    while part is not None:
        _trim(part.stack)
        part = part.__cause__ or part.__context__
    return "".join(summary.format())


def is_loss(error: BaseException) -> bool:
    """Return whether a process that shared the run's work is gone: nothing that the task did wrong, so another attempt may help."""
    if isinstance(error, ProcessLostError):
        return True
    # torch tells it by the class (NCCL, its store), by the signal (processes that Lightning forked) or, under gloo, by the text.
    names = {kind.__name__ for kind in type(error).__mro__}
    if "DistError" in names or getattr(error, "signal_name", None):
        return True
    return isinstance(error, RuntimeError) and "gloo/transport" in str(error)


def is_store_failure(error: OSError, folder: Path) -> bool:
    """Return whether the disk of a run's folder, rather than something that the task opened elsewhere, refused a write.

    A failed `open` names its file, a failed `write` does not; what is full is then taken to be the store.
    """
    if error.errno not in _REFUSALS:
        return False
    return error.filename is None or Path(str(error.filename)).is_relative_to(folder)


def _trim(stack: traceback.StackSummary) -> None:
    outside_core = [frame for frame in stack if not frame.filename.startswith(_CORE)]
    if not outside_core:
        return
    kept = [frame for frame in outside_core if not frame.filename.startswith(_INSTALLED)]
    last = outside_core[-1]
    if last not in kept:
        kept.append(last)
    stack[:] = kept


def _files(trace: TracebackType | None) -> list[str]:
    return [frame.filename for frame in traceback.extract_tb(trace)]


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # an exception whose text fails must not hide itself
        return "(its text cannot be shown)"
