"""Trained models of finished runs, and of folders that hold one: draw, complete, judge, and use in a loop of one's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import torch
from taskloom.errors import ConfigError, RunCorruptError, UsageError
from taskloom.opening import open_run, task_of
from taskloom.registry.isolate import load_target
from torch import Tensor

from taskloom_diffusion.evaluation.conditional import (
    Estimator,
    Given,
    LogLikelihood,
    Sequences,
    log_likelihood,
)
from taskloom_diffusion.evaluation.designs import DesigningModel
from taskloom_diffusion.evaluation.judged_file import JudgedFile
from taskloom_diffusion.evaluation.sampling import (
    Generated,
    complete,
    predicts_ends,
    row_lengths,
    sample_lengths,
)
from taskloom_diffusion.evaluation.streamed import Draws, Record, judge
from taskloom_diffusion.evaluation.template import parse_template
from taskloom_diffusion.guidance.designing import Drawing, design
from taskloom_diffusion.guidance.wishes import Wishes, WishOptions
from taskloom_diffusion.model.coercion import as_sampler
from taskloom_diffusion.model.diffusion_model import DiffusionModel
from taskloom_diffusion.model.wrapping import give_parts
from taskloom_diffusion.samplers.ancestral import Ancestral
from taskloom_diffusion.samplers.base import Sampler
from taskloom_diffusion.samplers.first_hitting import FirstHitting
from taskloom_diffusion.training.checkpoint import load_model

if TYPE_CHECKING:
    from taskloom.runs.run import Run


@dataclass(frozen=True)
class SampledSequences:
    """Sequences that a model drew.

    Attributes:
        texts: Of each, the text before its end.
        tokens: Token ids (n, L), int32, filled up with padding.
        lengths: Tokens of each (n,).
        calls: Network calls that each took part in (n,).
        log_weight: Log weight of each (n,), float64; 0 where all weigh the same.
        notes: Sentences about what was asked for and could not be had as it was.
    """

    texts: list[str]
    tokens: np.ndarray
    lengths: np.ndarray
    calls: np.ndarray
    log_weight: np.ndarray = field(default_factory=lambda: np.zeros(0))
    notes: Sequence[str] = ()


class TrainedModel(DesigningModel):
    """A trained model, in evaluation mode.

    Every answer about row i depends on a seed, i and the row alone, however many others are asked about beside it.

    Attributes:
        sampler: Draws where a call names none.
        length_histogram: How many training sequences have each length [tokens]; empty if that is not known.
        run: The run that trained it; None for a folder that is no run.

    Example:
        >>> model = load(open_run("@last").dir)  # doctest: +SKIP
        >>> model.sample(3, seed=1).texts  # doctest: +SKIP
    """

    @classmethod
    def of(cls, model: DiffusionModel) -> TrainedModel:
        """Return a model, for instance a Lightning module, with the methods of a trained one; its weights are shared."""
        found = cls(**model.arguments())
        # Shared and not copied: what is trained on later is seen here too.
        found.model = model.model
        found.sampler = _usual(found)
        return found.eval()

    def encode(self, texts: Iterable[str]) -> list[list[int]]:
        """Return the token ids of each text.

        Raises:
            ConfigError: A text has a piece that is not in the vocabulary.
        """
        return [list(self.tokenizer.encode(text)) for text in texts]

    def decode(self, tokens: Iterable[Sequence[int]] | np.ndarray | Tensor) -> list[str]:
        """Return the text of each row of token ids; padding and ends vanish."""
        rows = tokens.tolist() if isinstance(tokens, np.ndarray | Tensor) else tokens
        return [self.tokenizer.decode(row) for row in rows]

    @torch.no_grad()
    def denoise(self, tokens: Tensor, t: Tensor | float, maskable: Tensor | None = None) -> Tensor:
        """Return logits (B, L, V) of the clean tokens.

        Args:
            tokens: Noised tokens (B, L), int64.
            t: Time in [0, 1] (B,), or one for all rows; networks that are not told the time do not look at it.
            maskable: Positions of the sequences (B, L); None is all but the padding.
        """
        valid = tokens != self.pad_token_id if maskable is None else maskable
        time = torch.as_tensor(t, dtype=torch.float64, device=tokens.device).expand(len(tokens))
        return self.forward(tokens, 1 - self.schedule.alpha(time), valid)

    def sample(
        self,
        n: int,
        length: int | None = None,
        sampler: Sampler | None = None,
        condition: Mapping[str, object] | None = None,
        *,
        seed: int = 0,
        batch_size: int = 250,
        **wishes: Unpack[WishOptions],
    ) -> SampledSequences:
        """Return n new sequences; more of them begin with the same ones.

        Args:
            n: Sequences.
            length: Of each [tokens]; None draws it from the lengths of the training sequences.
            sampler: The sampler; None is the run's own.
            condition: What they are asked to have, `{"logp": 2.5}`; what is left out is not told.
            seed: Of the noise.
            batch_size: Sequences that are asked about at once, which changes no result.
            **wishes: Guidance, particles, constraints and filters, as in `guidance.wishes.Wishes`: `guidance="cfg", scale=2.0`,
                `particles=64`, `constraint="smiles"`, `where="tpsa<90"`. Fewer than n come back where too few pass.

        Raises:
            UsageError: The length is not between 1 and `max_length`, or is not given where none are known.
            ConfigError: This model or sampler cannot do what is wished for.
        """
        if n < 1:
            raise UsageError(f"n = {n} must be at least 1")
        chosen = sampler or self.sampler
        wished = Wishes(condition=condition or {}, **wishes)
        if wished.steers or wished.filters:
            drawing = Drawing(self, self.lengths, chosen, length, seed, batch_size)
            found = design(drawing, n, wished)
            return self._samples(found.made, found.notes)
        lengths = self.lengths(n, length, seed)
        made = sample_lengths(self, chosen, lengths, seed=seed, batch_size=batch_size)
        return self._samples(made)

    def lengths(self, n: int, length: int | None, seed: int) -> list[int]:
        """Return the lengths of n samples [tokens].

        Raises:
            UsageError: The length is not between 1 and `max_length`, or is not given where none are known.
        """
        if length is not None:
            if not 1 <= length <= self.max_length:
                raise UsageError(f"length = {length} is not between 1 and {self.max_length}")
            return [length] * n
        # Where ends are predicted, a length of all leaves them open, as training did.
        if predicts_ends(self):
            return [self.max_length] * n
        if not self.length_histogram:
            raise UsageError("this model knows no lengths of training sequences; give length=")
        return row_lengths(self.length_histogram, n, seed)

    def infill(
        self,
        templates: Sequence[str] | Sequence[Sequence[int]],
        n: int = 1,
        *,
        sampler: Sampler | None = None,
        seed: int = 0,
        batch_size: int = 250,
    ) -> SampledSequences:
        """Return n completions of each template, one template after the other; known tokens stay where they are.

        Args:
            templates: Texts with gaps, `[MASK]` or `[MASK]{4}`; or token ids with masks.
            n: Completions of each.
            sampler: The sampler; None is the run's own.
            seed: Of the noise.
            batch_size: Sequences that are asked about at once, which changes no result.

        Raises:
            UsageError: A template has no gap, or is too long.
            ConfigError: A piece is not in the vocabulary, or a known token lies where the model cannot see it.
        """
        rows = [parse_template(t, self) if isinstance(t, str) else [*t] for t in templates]
        if n < 1:
            raise UsageError(f"n = {n} must be at least 1")
        for number, row in enumerate(rows):
            if not 0 < len(row) <= self.max_length:
                raise UsageError(
                    f"template {number} has {len(row)} tokens; this model takes 1 to {self.max_length}"
                )
        # Counted anew for each template, so that its completions are those that it has alone.
        made = complete(
            self,
            sampler or self.sampler,
            [row for row in rows for _ in range(n)],
            seed=seed,
            batch_size=batch_size,
            numbers=list(range(n)) * len(rows),
        )
        return self._samples(made)

    def log_likelihood(
        self,
        x: Sequences,
        given: Given | None = None,
        draws: int = 128,
        estimator: Estimator = "auto",
        *,
        seed: int = 0,
    ) -> LogLikelihood:
        """Return log p of each row [nats], or of what is not given of it: exact where that can be had, else a lower bound.

        Args:
            x: Texts, or token ids.
            given: Of each, which tokens are known; or for texts the characters (first, behind the last) of what is not known.
            draws: Noise levels for each bound.
            estimator: `exact`, `bound`, or `auto`: exact where it can be had.
            seed: Of levels and noise.

        Raises:
            UsageError: A row is empty or too long, or `given` does not fit it.
            ConfigError: A text has pieces that are not in the vocabulary.
        """
        return log_likelihood(self, x, given, draws=draws, estimator=estimator, seed=seed)

    def likelihood(
        self, path: Path | str, column: str = "", *, draws: int = 16, seed: int = 0
    ) -> Iterator[Record]:
        """Yield the answer to each line of a file as it is there; the file may be larger than the memory.

        Args:
            path: The file, in any format that the task `file` reads.
            column: Of a table; empty is that of the run.
            draws: Noise levels for each sequence.
            seed: Of levels and noise.

        Raises:
            UsageError: The model is of no run, the file cannot be read, or no line of it can be judged.
        """
        if self.run is None:
            raise UsageError(
                "a file is read as the run's own was, and this model is of no run; give lines to log_likelihood"
            )
        config: Any = task_of(self.run).config
        # Read as the run's own file was: the same spelling, ends and windows.
        file = JudgedFile(Path(path), column, config, self.tokenizer)
        for records in judge(self, file, Draws(draws, seed, None, 250)):
            yield from records

    def _samples(self, made: Generated, notes: Sequence[str] = ()) -> SampledSequences:
        lengths = np.array([len(row) for row in made.tokens], dtype=np.int64)
        tokens = np.full((len(lengths), lengths.max(initial=0)), self.pad_token_id, dtype=np.int32)
        for row, ids in zip(tokens, made.tokens, strict=True):
            row[: len(ids)] = ids
        calls, weights = np.array(made.calls, dtype=np.int64), np.array(made.log_weights)
        return SampledSequences(made.texts, tokens, lengths, calls, weights, notes)


def _usual(model: DiffusionModel) -> Sampler:
    """Return the sampler that has the model's own law."""
    return FirstHitting() if model.diffusion_process.absorbing else Ancestral()


def _loaded(folder: Path) -> TrainedModel:
    model: TrainedModel
    if not (folder / "model.json").is_file() and (folder / "config.json").is_file():
        # Only a folder of Hugging Face needs its library.
        read: Any = load_target("taskloom_diffusion.exports.hugging_face:read_hugging_face")
        model, facts = read(folder)
    else:
        model, facts = load_model(folder, TrainedModel)
    model.length_histogram = facts.get("length_histogram", ())
    model.sampler = as_sampler(facts["sampler"]) if "sampler" in facts else _usual(model)
    return model


def model_of_run(run: Run) -> TrainedModel:
    """Return the trained model of a run, in evaluation mode: `open_run("@last").load("model")`.

    Raises:
        RunCorruptError: The run has not come so far, or a file is damaged.
    """
    if "model" not in run.artifacts:
        raise RunCorruptError(
            f"run {run.id} ({run.status}) has no trained model; resume it with 'tasks resume {run.id}'"
        )
    model = _loaded(run.artifacts["model"].parent)
    model.run = run
    kept = run.config.get("sampler")
    # The record may be older than the facts beside the weights, which did not have it.
    if isinstance(kept, dict):
        model.sampler = as_sampler(kept)
    return model


def load(source: DiffusionModel | Path | str, **parts: object) -> TrainedModel:
    """Return a trained model.

    Args:
        source: The folder of a run, a folder with `model.json` and `model.safetensors`, a Lightning module, or a folder of Hugging
            Face: one that `export` wrote, or a masked language model with its tokenizer.
        **parts: Parts of your own that the model was trained with, or their classes: `schedule=SquareRoot()`.

    Raises:
        ConfigError: There is no such folder.
        RunCorruptError: The run has no model yet; or a file is missing, damaged, or from elsewhere.
    """
    give_parts(parts)
    if isinstance(source, DiffusionModel):
        return TrainedModel.of(source)
    folder = Path(source)
    if not folder.is_dir():
        raise ConfigError(f"'{folder}' is no folder; give that of a run or of a model")
    if (folder / "run.json").is_file():
        return model_of_run(open_run(f"{folder}/"))
    return _loaded(folder)
