"""`tasks study SWEEP...`: compare runs that exist."""

from __future__ import annotations

from typing import Annotated

import typer

from taskloom.cli.annotations import AsJson, StoreOption
from taskloom.cli.commands import study_options as given
from taskloom.errors import RunNotFoundError, UsageError
from taskloom.runs.layout import default_store
from taskloom.studies.record import is_study
from taskloom.studies.recorded import open_study, study_of_sweeps
from taskloom.sweeps.record import find_sweep


@given.takes_question(looks=False)
def study_runs(
    references: Annotated[
        list[str], typer.Argument(metavar="SWEEP...", help="Sweeps and studies: ids or folders.")
    ],
    *,
    asked: given.StudyWords,
    store: StoreOption = None,
    as_json: AsJson = False,
) -> None:
    """Compare the runs of sweeps; of one study without --metric, print it again as it was asked for."""
    place = default_store(store)
    folders = []
    for name in references:
        folder = find_sweep(name, place)
        if folder is None:
            raise RunNotFoundError(
                f"There is no sweep {name!r} in the store {place}.",
                hint="the folder of a sweep holds a sweep.json",
            )
        folders.append(folder)
    if asked.values["metric"]:
        found = study_of_sweeps(folders, asked.question())
    elif len(folders) == 1 and is_study(folders[0]):
        found = open_study(folders[0])
    else:
        raise UsageError("--metric is missing: the final metric of a run that the study is about.")
    given.print_study(found, asked, as_json=as_json)
