"""Running a study: block after block of seeds, each combination once with every seed, reusing what has finished."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from taskloom.errors import ExitCode, UsageError
from taskloom.placement.inline import open_for
from taskloom.placement.place import Watcher
from taskloom.registry.entries import LoadedTask
from taskloom.request import Origin, RunOptions
from taskloom.runs.layout import default_store
from taskloom.studies.analysis import pairs_of
from taskloom.studies.looking import StudyLook, better_of, blocks, look
from taskloom.studies.planning import StudyPlan
from taskloom.studies.points import row_of_result
from taskloom.studies.question import Direction, StudyQuestion
from taskloom.studies.record import StudyPoint, StudyRecord, read_study, write_study
from taskloom.studies.study import Study
from taskloom.studies.values import Levels, Seed, StudyRow, StudyValues
from taskloom.sweeps.ahead import Ahead, look_ahead
from taskloom.sweeps.record import SweepPoint, SweepRecord, create_sweep, with_call, write_sweep
from taskloom.sweeps.sweep import check_version, run_points

_STOPPED = (ExitCode.INTERRUPTED, ExitCode.TERMINATED)


@dataclass(frozen=True, slots=True)
class StudyJob:
    """A study that is to be run, or gone on with.

    Attributes:
        plan: Its combinations.
        sweep: The sweep that holds its runs.
        record: What is asked, and what is known so far.
        store: Where the runs are.
    """

    plan: StudyPlan
    sweep: SweepRecord
    record: StudyRecord
    store: Path

    def blocks(self) -> list[list[int]] | Iterator[list[int]]:
        """Return the seeds of each block: all at once, or one look after the other."""
        question = self.record.question
        if not question.until:
            return [list(self.record.seeds)]
        return blocks(self.record.seeds, question, self.comparisons())

    def comparisons(self) -> int:
        """Return the number of comparisons.

        Raises:
            UnknownNameError: A factor or the baseline does not exist.
            UsageError: A factor has one level, or nothing is compared in a study that looks.
        """
        rows = [StudyRow(levels, 0, 0.0) for levels in self.plan.cells]
        found = len(pairs_of(StudyValues(self.plan.factors, tuple(rows)), self.record.question))
        if self.record.question.until and not found:
            raise UsageError("--until needs something to compare: name a factor with --compare.")
        return found


def begin_study(
    plan: StudyPlan,
    question: StudyQuestion,
    seeds: Sequence[int],
    origin: Origin = Origin(),
    *,
    keep_going: bool = True,
) -> StudyJob:
    """Write the records of a new study; nothing has been run.

    Args:
        plan: Its combinations.
        question: What is asked.
        seeds: The seeds that are named.
        origin: Who asked for it.
        keep_going: Whether a failed run leaves the others alone.

    Raises:
        UsageError: The comparison cannot be made, or the seeds are too few for the interval.
        StoreError: The store cannot be written.
    """
    question.check_size(question.max_seeds if question.until else len(seeds))
    options, store = plan.options, default_store(plan.options.store)
    nothing = SweepRecord("", "", "", 0, ())
    job = StudyJob(plan, nothing, StudyRecord(question, plan.factors, tuple(seeds)), store)
    job.comparisons()  # refused before there is a folder
    first = next(iter(job.blocks()))
    points = [point for _, _, point in plan.block(first)]
    sweep = create_sweep(plan.loaded, points, options, origin, keep_going=keep_going)
    return _remember(replace(job, sweep=with_call(sweep, options)), first)


def reopen_study(
    loaded: LoadedTask, sweep: SweepRecord, folder: Path, options: RunOptions
) -> StudyJob:
    """Return a study that was begun before, to go on with it.

    Args:
        loaded: The task.
        sweep: Its sweep, with the options of this call.
        folder: Its folder.
        options: How each run is kept and placed.

    Raises:
        RunCorruptError: Its record is missing or damaged.
        ConfigError: The task has changed its version since the study was made.
    """
    check_version(sweep, loaded)
    record = read_study(folder)
    by_identity = {point.identity: point for point in sweep.points}
    cells: dict[Levels, SweepPoint] = {}
    known: dict[tuple[Levels, int], SweepPoint] = {}
    for point in record.points:
        if point.identity in by_identity:
            known[point.levels, point.seed] = by_identity[point.identity]
            cells.setdefault(point.levels, by_identity[point.identity])
    plan = StudyPlan(loaded, record.factors, cells, options, known)
    return StudyJob(plan, sweep, record, folder.parent)


def look_at_study(job: StudyJob) -> list[Ahead]:
    """Return what is to be done about the points that are known so far, as the store and the files are now.

    Raises:
        ConfigError: The task has changed its parameters since the study was made.
    """
    return look_ahead(job.plan.loaded, job.sweep, job.store)


def perform_study(job: StudyJob, watcher: Watcher, aheads: Sequence[Ahead] | None = None) -> Study:
    """Run what a study is missing, and return it; stopped by a signal it holds what there is.

    Args:
        job: The study.
        watcher: Listener to what happens.
        aheads: What was decided about the points of its first block, if that is known already.

    Raises:
        UnknownNameError: The runs have no such metric.
        StoreError: The store cannot be written.
    """
    question = job.record.question
    rows: list[StudyRow] = []
    looks: list[StudyLook] = []
    directions: list[Mapping[str, object] | None] = []
    code = ExitCode.OK
    executor = open_for(job.sweep.options)
    try:
        for seeds in job.blocks():
            job = _extended(job, seeds)
            batch = job.plan.block(seeds)
            record = replace(job.sweep, points=tuple(point for _, _, point in batch))
            done = run_points(executor, job.plan.loaded, record, job.store, watcher, aheads=aheads)
            aheads = None
            results = {item.point.identity: item for item in done.results}
            for levels, seed, point in batch:
                result = results[point.identity]
                rows.append(row_of_result(levels, seed, result, question))
                directions.append(None if result.run is None else result.run.record.headline)
            code = max(code, done.exit_code)
            if question.until:
                looks.append(look(StudyValues(job.plan.factors, tuple(rows)), question))
            job = _with_runs(job, {(row.levels, row.seed): row.run for row in rows}, looks)
            is_over = done.exit_code in _STOPPED or (done.exit_code and not job.sweep.keep_going)
            if is_over or (looks and looks[-1].decided):
                break
    finally:
        executor.close()
    values = StudyValues(job.plan.factors, tuple(rows))
    if not question.better and (better := _direction(directions, question.metric)):
        question = replace(question, better=better)
        write_study(job.store / job.sweep.id, replace(job.record, question=question))
    entry = job.plan.loaded.entry
    folder = job.store / job.sweep.id
    name = f"{entry.domain}/{entry.ref.name}"
    return Study(values, question, job.sweep.id, name, tuple(looks), code, folder).checked()


def _direction(headlines: Sequence[Mapping[str, object] | None], metric: str) -> Direction:
    found = better_of(headlines, metric)
    return "higher" if found == "higher" else "lower" if found == "lower" else ""


def _extended(job: StudyJob, seeds: Sequence[int]) -> StudyJob:
    """Return the job with the points of a block in its records, written where they are new."""
    known = {point.identity for point in job.sweep.points}
    fresh = [point for _, _, point in job.plan.block(seeds) if point.identity not in known]
    if fresh:
        job = replace(job, sweep=replace(job.sweep, points=(*job.sweep.points, *fresh)))
        write_sweep(job.sweep, job.store / job.sweep.id)
    # A death between the two files leaves points that the study does not know of yet.
    return _remember(job, seeds)


def _remember(job: StudyJob, seeds: Sequence[int]) -> StudyJob:
    """Write the points of a block into the record of the study."""
    told = {(point.levels, point.seed) for point in job.record.points}
    fresh = [
        StudyPoint(point.identity, levels, seed)
        for levels, seed, point in job.plan.block(seeds)
        if (levels, seed) not in told
    ]
    if not fresh:
        return job
    record = replace(job.record, points=(*job.record.points, *fresh))
    write_study(job.store / job.sweep.id, record)
    return replace(job, record=record)


def _with_runs(
    job: StudyJob, runs: Mapping[tuple[Levels, Seed], str], looks: Sequence[StudyLook]
) -> StudyJob:
    """Write which runs answered the points so far, and the looks."""
    points = tuple(
        replace(point, run=runs.get((point.levels, point.seed), "") or point.run)
        for point in job.record.points
    )
    record = replace(job.record, points=points, looks=tuple(looks))
    write_study(job.store / job.sweep.id, record)
    return replace(job, record=record)
