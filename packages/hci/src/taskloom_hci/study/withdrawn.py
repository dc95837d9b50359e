"""People who withdraw: what they have left is deleted, the fact that there was a visit excepted."""

from __future__ import annotations

import logging
import os

from taskloom.system.files import fsync_folder

from taskloom_hci.recordings.journal import Journal
from taskloom_hci.recordings.lines import FORMAT
from taskloom_hci.study.visit import Visit

_log = logging.getLogger(__name__)


class Withdrawn:
    """The visits whose data are to be deleted.

    A deletion writes a short file and puts it in the place of the long one. A full disk may refuse that, so a visit stays
    here until it is done.
    """

    def __init__(self) -> None:
        self._waiting: set[Visit] = set()
        self._told: set[Visit] = set()

    def add(self, visit: Visit) -> None:
        """Let the data of a visit be deleted by the next `forget`."""
        self._waiting.add(visit)

    def forget(self) -> None:
        """Delete what is to be deleted; what cannot be is told once, and left to the next call."""
        for visit in list(self._waiting):
            try:
                _delete(visit)
            except OSError as error:
                if visit not in self._told:
                    self._told.add(visit)
                    _log.error(
                        "The session %s was withdrawn and cannot be deleted yet (%s); the study tries again.",
                        visit.id,
                        error.strerror,
                    )
            else:
                self._waiting.discard(visit)


def _delete(visit: Visit) -> None:
    path = visit.journal.path
    temporary = path.with_suffix(".withdrawn")
    temporary.unlink(missing_ok=True)
    kept = {
        "format": FORMAT,
        "session": visit.id,
        "number": visit.number,
        "row": visit.row,
        "person": "",
        "pilot": visit.is_pilot,
        "simulated": visit.is_simulated,
    }
    # The open file is let go last: until then the visit writes to it, and never to another that has got its number.
    journal = Journal(temporary)
    try:
        journal.note("open", data=kept)
        journal.note("withdraw", data={"reason": "withdrawn"})
        journal.commit()
        journal.sync()
    finally:
        journal.close()
    os.replace(temporary, path)
    fsync_folder(path.parent)
    visit.journal.close()
    visit.person = ""
    visit.journal = Journal(path)
