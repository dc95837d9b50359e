"""A watch over a stream of inputs: an alarm when they are no longer like the normal samples of a detector."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field
from taskloom import InputPath
from taskloom.arrays import load_npz, save_npz
from taskloom.config import Config
from taskloom.errors import ConfigError
from taskloom.registry.suggest import did_you_mean
from taskloom.task import Finding, Result

from taskloom_anomaly.data.sources import STDIN, open_parts
from taskloom_anomaly.data.streams import Part, RowReading, require_rows
from taskloom_anomaly.detection.answers import Answers
from taskloom_anomaly.detection.artifacts import DETECTOR_FILE, StoredDetector, load_detector
from taskloom_anomaly.detection.fusion import FUSED, fuse
from taskloom_anomaly.detection.own_network import files_of, open_detector
from taskloom_anomaly.detection.scoring import (
    Answered,
    Scorer,
    score_parts,
    scorer_of_activations,
)
from taskloom_anomaly.statistics.betting import Capital, Pool

if TYPE_CHECKING:
    from taskloom.context import RunContext

POINTS = "points.jsonl"
_LEAST = 20


class MonitorConfig(Config):
    """A detector, the stream that it watches, and the chance of a false alarm."""

    detector: InputPath | None = None
    """Folder of a detector, or of a run with one; it must be given."""
    stream: InputPath | None = None
    """File of inputs in their order, as `tasks anomaly score` takes it; JSON lines from the standard input unless given."""
    layer: str = FUSED
    """Layer whose scores are watched; fused is all together."""
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.01
    """Chance of a false alarm, over all time from one alarm to the next."""
    mean_run: Annotated[float, Field(ge=0)] = 0.0
    """Mean number of points to a false alarm, at least, in place of `alpha`: for a watch without an end; 0 lets `alpha` count."""
    max_points: Annotated[int, Field(gt=0)] = 1_000_000
    """Points after which the watch ends: the scores of all are kept, eight bytes each."""
    batch_size: Annotated[int, Field(gt=0)] = 1
    """Inputs per forward pass; more are faster, and a line then waits for those behind it."""
    checkpoint_every: Annotated[int, Field(gt=0)] = 1000
    """Points between checkpoints; one is also written when the watch is asked to stop."""
    text_key: str = "text"
    """Field of the text in JSON lines."""
    id_key: str = "id"
    """Field that names a point."""


@dataclass
class _Watch:
    """The state of a watch.

    Attributes:
        pool: All scores so far.
        capital: The bets.
        rows: Rows of the stream that were read.
        points: Those that were scored.
        errors: Those that could not be.
        alarms: Alarms.
        first: The row of the first alarm; -1 before it.
        highest: The largest capital, as a decimal logarithm.
        written: Size of the file of points [bytes].
    """

    pool: Pool
    capital: Capital
    rows: int = 0
    points: int = 0
    errors: int = 0
    alarms: int = 0
    first: int = -1
    highest: float = 0.0
    written: int = 0
    checkpointed: int = field(default=0, compare=False)

    _COUNTS = ("rows", "points", "errors", "alarms", "first", "highest", "written")

    def save(self, folder: Path) -> None:
        """Write all that the next point depends on."""
        arrays = {"pool": self.pool.scores(), **self.capital.state()}
        counts = {name: getattr(self, name) for name in self._COUNTS}
        save_npz(folder / "watch.npz", arrays, compressed=False)
        (folder / "watch.json").write_text(json.dumps(counts), encoding="utf-8", newline="\n")
        self.checkpointed = self.points

    def load(self, folder: Path) -> None:
        """Go back to what was written."""
        arrays = load_npz(folder / "watch.npz")
        self.pool = Pool(arrays.pop("pool"))
        self.capital.load_state(arrays)
        for name, value in json.loads((folder / "watch.json").read_text(encoding="utf-8")).items():
            setattr(self, name, value)
        self.checkpointed = self.points


class Monitor:
    """A task that runs itself.

    Args:
        config: The detector, the stream, and the chance of a false alarm.
    """

    def __init__(self, config: MonitorConfig) -> None:
        self.config = config

    def check(self) -> Iterable[Finding]:
        """Raise if there is no detector, or it has no such layer."""
        _ = self._scores_of(self._stored, 0)
        return ()

    def run(self, ctx: RunContext) -> Result:
        """Watch from the beginning."""
        return self._watch(ctx, None)

    def resume(self, ctx: RunContext, checkpoint: Path) -> Result:
        """Go on with the rows behind those that were watched; of the standard input with what comes now."""
        return self._watch(ctx, checkpoint)

    @property
    def _folder(self) -> Path:
        if self.config.detector is None:
            raise ConfigError(
                "--detector is missing: the folder of a detector, or a run with one.",
                hint="tasks anomaly fit MODEL TRUSTED --out DIR fits and stores one",
            )
        return Path(self.config.detector)

    @property
    def _stored(self) -> StoredDetector:
        files = files_of(self._folder)
        if not (files / DETECTOR_FILE).is_file():
            raise ConfigError(f"'{self._folder}' holds no detector: '{files / DETECTOR_FILE}' is not there.")  # fmt: skip
        return load_detector(files)

    def _scores_of(
        self, stored: StoredDetector, seed: int
    ) -> tuple[np.ndarray, Callable[[Answers], np.ndarray]]:
        """Return the scores that the pool begins with, and what takes those of new inputs.

        Scores must be one function of an input, whichever sample it is of. All layers together are put on one scale by half of the
        calibration samples, and the pool begins with the other half.
        """
        known, layer = stored.known, self.config.layer
        names = [*known.scores, FUSED]
        if layer not in names:
            hint = did_you_mean(layer, names).capitalize()
            raise ConfigError(f"The detector has no layer '{layer}'; it has {', '.join(names)}.", hint=hint)  # fmt: skip
        if layer == FUSED and len(known.scores) == 1:
            layer = next(iter(known.scores))
        least = _LEAST * (1 + (layer == FUSED))
        if len(known) < least:
            raise ConfigError(
                f"A watch needs {least} calibration samples; there are {len(known)}.",
                hint="tasks anomaly calibrate DETECTOR DATA takes more",
            )
        if layer != FUSED:
            return known.scores[layer], lambda answers: answers[layer]
        order = np.random.Generator(np.random.PCG64(seed)).permutation(len(known))
        half = len(known) // 2
        scale = known.take(order[:half]).scores
        begin = known.take(order[half:]).scores
        return fuse(begin, scale, stored.fusion), lambda answers: fuse(
            answers.layer, scale, stored.fusion
        )

    def _watch(self, ctx: RunContext, checkpoint: Path | None) -> Result:
        config, stored = self.config, self._stored
        begin, scores_of = self._scores_of(stored, ctx.seed("halves"))
        watch = _Watch(Pool(begin), Capital(config.alpha, config.mean_run))
        if checkpoint is not None:
            watch.load(checkpoint)
        uniform = np.random.PCG64(ctx.seed("monitor"))
        # One number a point: those of the points that were watched are passed over.
        rng = np.random.Generator(uniform.advance(watch.points))
        how = RowReading(stored.form, config.text_key, config.id_key, layers=stored.layers)
        path = ctx.artifact(POINTS)
        source = STDIN if config.stream is None else str(config.stream)
        with (
            open_parts(source, config.batch_size, how) as opened,
            _continued(path, watch.written) as file,
        ):
            parts = self._behind(opened, watch)
            for found in score_parts(parts, self._scorer(stored)):
                for line in self._lines(found, scores_of, watch, rng):
                    text = f"{json.dumps(line)}\n"
                    watch.written += file.write(text.encode())
                    sys.stdout.write(text)
                    if "p" in line:
                        ctx.log(watch.points, p=line["p"], log10_e=line["log10_e"], alarm=line["alarm"])  # fmt: skip
                sys.stdout.flush()
                is_last = watch.points >= config.max_points or ctx.should_stop
                if is_last or watch.points - watch.checkpointed >= config.checkpoint_every:
                    file.flush()
                    with ctx.checkpoint(watch.points) as folder:
                        watch.save(folder)
                if is_last:
                    break
        return Result(self._metrics(watch), {"points": path}, self._summary(watch))

    def _scorer(self, stored: StoredDetector) -> Scorer:
        """Return what scores parts; the network is opened when the first inputs are there to look at it."""
        found: list[Scorer] = []

        def score(part: Part) -> Answers:
            if not found and part.activations:
                found.append(scorer_of_activations(stored))
            elif not found:
                require_rows(part, "the stream")
                fitted = open_detector(self._folder, part.data, self.config.batch_size)
                found.append(lambda other: fitted.score(other.data))
            return found[0](part)

        return score

    def _behind(self, parts: Iterator[Part], watch: _Watch) -> Iterator[Part]:
        """Yield the parts behind the rows that were watched; rows of the standard input are counted on."""
        if self.config.stream is None:
            for part in parts:
                yield part.moved(watch.rows) if watch.rows else part
            return
        done = watch.rows
        for part in parts:
            if min(chain(part.rows, (row for row, _ in part.errors)), default=done) >= done:
                yield part

    @staticmethod
    def _lines(
        found: Answered,
        scores_of: Callable[[Answers], np.ndarray],
        watch: _Watch,
        rng: np.random.Generator,
    ) -> Iterator[Mapping[str, Any]]:
        part, errors = found.part, dict(found.part.errors)
        scores = np.zeros(0) if found.answers is None else scores_of(found.answers)
        good = {row: (name, score) for row, name, score in zip(part.rows, part.ids, scores, strict=True)}  # fmt: skip
        for row in sorted([*errors, *good]):
            if row in errors:
                watch.errors += 1
                yield {"row": row, "error": errors[row]}
                continue
            name, score = good[row]
            p = watch.pool.p(float(score), float(rng.random()))
            watch.points += 1
            is_alarm = watch.capital.step(p)
            log10 = watch.capital.log / math.log(10)
            watch.highest = max(watch.highest, log10)
            line = {"row": row, "p": p, "log10_e": log10, "alarm": is_alarm}
            yield line if name == row else {"id": name, **line}
            if is_alarm:
                watch.alarms += 1
                watch.first = row if watch.first < 0 else watch.first
                watch.capital.restart()
        watch.rows = max([watch.rows, *(row + 1 for row in [*errors, *good])])

    @staticmethod
    def _metrics(watch: _Watch) -> dict[str, float]:
        found = {
            "points": float(watch.points),
            "alarms": float(watch.alarms),
            "errors": float(watch.errors),
            "highest_log10_e": watch.highest,
        }
        return found | ({"first_alarm": float(watch.first)} if watch.first >= 0 else {})

    def _summary(self, watch: _Watch) -> str:
        config = self.config
        bound = (
            f"a false alarm comes after {config.mean_run:,.0f} points in the mean, or later"
            if config.mean_run
            else f"the chance of a false alarm is at most {config.alpha:g} from one alarm to the next"
        )
        first = f", the first at row {watch.first:,}" if watch.first >= 0 else ""
        said = f"{watch.alarms:,} alarms in {watch.points:,} points{first}; {bound}"
        said += f"; {watch.errors:,} rows could not be read" if watch.errors else ""
        if watch.points >= config.max_points:
            said += "; the watch ended, since --max_points were seen"
        return said


def _continued(path: Path, size: int) -> IO[bytes]:
    """Open the file of points behind what a checkpoint knows of it."""
    path.touch()
    file = path.open("r+b")
    file.truncate(size)
    file.seek(size)
    return file
