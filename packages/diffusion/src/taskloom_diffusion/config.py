"""Configs that every task of the domain shares. Imports nothing heavier than pydantic."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field, model_validator
from taskloom import Component, Config, ExecutionOnly, OneOf, RunRef, Unit
from taskloom.registry.suggest import did_you_mean

from taskloom_diffusion.corpora.split import SplitRule
from taskloom_diffusion.denoisers.base import Denoiser
from taskloom_diffusion.denoisers.dit import DiT
from taskloom_diffusion.losses.base import Loss
from taskloom_diffusion.losses.objectives import NELBO
from taskloom_diffusion.metrics.base import MetricSuite
from taskloom_diffusion.metrics.molecules import MoleculeMetrics
from taskloom_diffusion.model.own_optimizer import OwnOptimizer
from taskloom_diffusion.model.wrapping import with_own_parts
from taskloom_diffusion.processes.absorbing import Absorbing
from taskloom_diffusion.processes.base import Process
from taskloom_diffusion.samplers.base import Sampler
from taskloom_diffusion.samplers.confidence import Confidence
from taskloom_diffusion.schedules.base import Schedule
from taskloom_diffusion.schedules.closed_form import Cosine
from taskloom_diffusion.time_samplers.base import TimeSampler
from taskloom_diffusion.time_samplers.exact_count import ExactCount
from taskloom_diffusion.tokenizers.base import Tokenizer
from taskloom_diffusion.tokenizers.symbols import RegexSmiles

LengthPolicy: TypeAlias = Literal["given", "eos_pad", "window", "packed", "document"]
Versions: TypeAlias = Annotated[int, Field(ge=1, le=64)]
BlockSize: TypeAlias = Annotated[int, Field(ge=0, le=8192)]


class DiffusionSettings(Component):
    """The mathematics of a model: what noise is, how much when, and what is minimised."""

    process: Annotated[Process, OneOf("taskloom_diffusion.processes")] = Absorbing()
    """Process that turns tokens into noise."""
    schedule: Annotated[Schedule, OneOf("taskloom_diffusion.schedules")] = Cosine()
    """Schedule of the noise."""
    parameterization: Literal["auto", "subs", "d3pm", "loo", "mean"] = "auto"
    """Reading of logits; `auto` is subs for absorbing noise and loo otherwise."""
    time_sampler: Annotated[TimeSampler, OneOf("taskloom_diffusion.time_samplers")] = ExactCount()
    """Noise levels that training visits."""
    loss: Annotated[Loss, OneOf("taskloom_diffusion.losses")] = NELBO()
    """Loss that training minimises."""
    block_size: BlockSize = 0
    """Tokens of the blocks that are generated from left to right; 0 is one block for the whole sequence."""
    versions: Versions = 1
    """Noised versions of every sequence in a training step."""

    @model_validator(mode="before")
    @classmethod
    def _keep_own_parts(cls, values: Any) -> Any:  # noqa: ANN401 -- whatever a user wrote
        """Let an object stand where a component may."""
        return with_own_parts(values)


def _algorithm(value: object) -> object:
    """Return an optimizer as a config keeps it.

    Raises:
        ValueError: A name is none of those that there are.
    """
    if isinstance(value, str) and value not in (names := ("adamw", "muon")):
        near = did_you_mean(value, names)
        raise ValueError(
            f"must be one of {', '.join(names)}, not '{value}'{'; ' * bool(near)}{near}"
        )
    return with_own_parts({"algorithm": value})["algorithm"]


class OptimizerSettings(Component):
    """AdamW and its learning rate over time."""

    algorithm: Annotated[Literal["adamw", "muon"] | OwnOptimizer, BeforeValidator(_algorithm)] = (
        "adamw"
    )
    """`muon` orthogonalises the momentum of the transformer's matrices and uses AdamW for the rest; from Python also what is
    called with groups of parameters and returns an optimizer."""
    lr: Annotated[float, Field(gt=0, le=1)] = 2e-3
    """Highest learning rate."""
    weight_decay: Annotated[float, Field(ge=0, le=10)] = 0.01
    """Decay of matrices; norms, biases and embeddings are never decayed."""
    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Memory of the first moment."""
    beta2: Annotated[float, Field(ge=0, lt=1)] = 0.98
    """Memory of the second moment."""
    schedule: Literal["constant", "linear", "cosine", "wsd", "inverse_sqrt"] = "cosine"
    """Learning rate after warm-up; `wsd` is constant and then falls linearly over the last part."""
    warmup_steps: Annotated[int, Field(ge=0)] = 50
    """Steps over which the rate rises from zero."""
    final_share: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Rate at the end over the highest rate (linear, cosine, wsd)."""
    decay_share: Annotated[float, Field(gt=0, le=1)] = 0.2
    """Last part of the steps over which `wsd` falls."""
    clip_norm: Annotated[float, Field(ge=0)] = 1.0
    """Gradient norm above which gradients are scaled down; 0 is never."""


class TrainConfig(Component):
    """Length of the training, and its data."""

    steps: Annotated[int, Field(ge=0)] = 300
    """Optimizer steps."""
    epochs: Annotated[int, Field(ge=0)] = 0
    """Passes over the training part; above 0 they take the place of `steps`."""
    batch_size: Annotated[int, Field(ge=1)] = 64
    """Sequences in a batch; a step has `accumulate` times `devices` of them."""
    accumulate: Annotated[int, Field(ge=1)] = 1
    """Batches whose gradients are added up for one step."""
    optimizer: OptimizerSettings = OptimizerSettings()
    """AdamW and its learning rate."""
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """Decay of the moving average of the weights that is sampled and evaluated; 0 is none."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Arithmetic of the network; bf16 keeps weights, norms, losses and the last layer in fp32."""
    devices: Annotated[int, Field(ge=1)] = 1
    """Processes of data-parallel training, each with batches of its own: a step has `accumulate` times `devices` batches,
    also where `--gpus` has other processes share them."""
    validate_every: Annotated[int, Field(ge=1)] = 100
    """Steps between estimates of the bound on the validation part."""
    checkpoint_every: Annotated[int, Field(ge=1)] = 200
    """Steps between checkpoints."""
    log_every: Annotated[int, Field(ge=1)] = 20
    """Steps between lines of metrics."""
    sample_every: Annotated[int, Field(ge=0)] = 0
    """Steps between a few samples written to the run folder; 0 is never."""
    peak_gflops: Annotated[float, Field(ge=0), Unit("GFLOP/s"), ExecutionOnly()] = 0.0
    """Arithmetic the devices can do, against which MFU is reported; 0 measures a matrix product at the start."""
    loggers: Annotated[tuple[Literal["csv", "tensorboard"], ...], ExecutionOnly()] = ()
    """Lightning loggers that write beside the run's own records."""


class EvaluateConfig(Component):
    """Measures taken once training is over."""

    num_samples: Annotated[int, Field(ge=1)] = 200
    """Sequences that are generated; all of them are in every denominator."""
    num_holdout: Annotated[int, Field(ge=1)] = 500
    """Sequences of the test part whose likelihood is bounded, and of the validation part: those of the smallest ranks."""
    num_draws: Annotated[int, Field(ge=1)] = 4
    """Noise levels drawn for each held-out sequence."""
    calls: Annotated[int, Field(ge=0)] = 0
    """Sequences of every sampler at several numbers of network calls, for the report; 0 is none: it takes minutes."""
    batch_size: Annotated[int, Field(ge=1)] = 250
    """Sequences in a batch; samples do not depend on it, the noise that the bound is estimated with does."""


class DiffusionConfig(Config):
    """Everything but the corpus."""

    process: Annotated[Process, OneOf("taskloom_diffusion.processes")] = Absorbing()
    """Process that turns tokens into noise."""
    schedule: Annotated[Schedule, OneOf("taskloom_diffusion.schedules")] = Cosine()
    """Schedule by which tokens turn into noise."""
    parameterization: Literal["auto", "subs", "d3pm", "loo", "mean"] = "auto"
    """Reading of logits; `auto` is subs for absorbing noise and loo otherwise."""
    time_sampler: Annotated[TimeSampler, OneOf("taskloom_diffusion.time_samplers")] = ExactCount()
    """Noise levels that training visits."""
    loss: Annotated[Loss, OneOf("taskloom_diffusion.losses")] = NELBO()
    """Loss that training minimises."""
    block_size: BlockSize = 0
    """Tokens of the blocks that are noised one by one and generated from left to right, each given all before it (BD3-LM);
    0 is one block for the whole sequence. Samplers then count their steps and calls for each block."""
    versions: Versions = 1
    """Noised versions of every sequence in a training step; with `block_size` they share the clean one that they look back at."""
    denoiser: Annotated[Denoiser, OneOf("taskloom_diffusion.denoisers")] = DiT()
    """The network that predicts clean tokens."""
    tokenizer: Annotated[Tokenizer, OneOf("taskloom_diffusion.tokenizers")] = RegexSmiles()
    """Tokenizer that turns text into tokens."""
    sampler: Annotated[Sampler, OneOf("taskloom_diffusion.samplers")] = Confidence()
    """Sampler that generates sequences."""
    metrics: Annotated[MetricSuite, OneOf("taskloom_diffusion.metrics")] = MoleculeMetrics()
    """Metrics of generated sequences."""
    length_policy: LengthPolicy = "given"
    """`given`: lengths are drawn from the corpus; `eos_pad`: end and padding are tokens to predict; `window`: running text;
    `packed` and `document`: documents with their ends, several in a window or one a row."""
    max_length: Annotated[int, Field(ge=2, le=8192)] = 64
    """Longest sequence [tokens]; longer ones are dropped and counted, never cut (windows of text excepted)."""
    train: TrainConfig = TrainConfig()
    """Training."""
    evaluate: EvaluateConfig = EvaluateConfig()
    """Evaluation."""
    split: Annotated[str, Field(pattern=r"^(hash|scaffold|file|legacy|column:.+)$")] = "hash"
    """Rule of the split: by the hash of each sequence; for molecules also by `scaffold`; for a file also by `column:NAME`, or
    `file`, where validation and test are files of their own. `legacy` is the split of runs that were made before there were three
    parts."""
    split_seed: Annotated[int, Field(ge=0, lt=2**64)] = 0
    """Seed of the split, which the model's `seed` does not move."""
    validation_share: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """Share that curves are drawn on; figures that are reported come from the test part."""
    condition: str = ""
    """Conditions that the network is told, so that samples can be asked for by them: columns of the file, `:number` or `:class`
    behind a name to say which, or properties that RDKit computes: `logp,activity:class,rdkit:qed`. Empty is none."""
    condition_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Chance that training tells nothing of a sequence, and, of several conditions, that it leaves each out."""
    start: RunRef = ""
    """Finished run whose weights training begins from, on other sequences; its vocabulary goes on, new tokens behind it."""
    uncut: Literal["leave_out", "refuse"] = "leave_out"
    """Sequences that the tokenizer has no tokens for: left out, counted and named, or a refusal."""

    @model_validator(mode="before")
    @classmethod
    def _keep_own_parts(cls, values: Any) -> Any:  # noqa: ANN401 -- whatever a user wrote
        """Let an object stand where a component may."""
        return with_own_parts(values)

    @model_validator(mode="after")
    def _parts_fit(self) -> DiffusionConfig:
        reason = next(filter(None, self._complaints()), "")
        if reason:
            raise ValueError(reason)
        return self

    def _complaints(self) -> Iterator[str]:
        """Yield why parts do not fit together, or empty sentences."""
        yield self.time_sampler.check(self)
        if self.split.startswith(("file", "column:")) and "column" not in type(self).model_fields:
            yield f"split = '{self.split}' is for the task 'file'; here there are 'hash' and, for molecules, 'scaffold'"
        if self.parameterization == "subs" and not self.process.absorbing:
            yield "parameterization = 'subs' is for absorbing noise; use 'loo' or 'mean'"
        if self.block_size and not self.process.absorbing:
            yield f"block_size = {self.block_size} is for noise that masks, as process 'absorbing'; use block_size = 0"
        if self.condition and self.length_policy not in ("given", "eos_pad"):
            yield f"condition = '{self.condition}' is of whole sequences; length_policy = '{self.length_policy}' has none"
        if self.block_size and self.length_policy == "packed":
            yield "block_size is for one document a row: set pack = 'no', or block_size = 0"
        if self.block_size > self.max_length:
            yield f"block_size = {self.block_size} is above max_length = {self.max_length}; use block_size = 0 for one block"
        for part in (
            self.denoiser,
            self.sampler,
            self.process,
            self.schedule,
            self.loss,
            self.tokenizer,
            self.metrics,
        ):
            yield part.check(self)

    def split_rule(self, test: float) -> SplitRule:
        """Return the rule of the split, with this share of it tested on."""
        return SplitRule(test, self.validation_share, self.split_seed, self.split, self.seed)

    def settings(self) -> DiffusionSettings:
        """Return the part that defines the model's mathematics."""
        return DiffusionSettings(
            process=self.process,
            schedule=self.schedule,
            parameterization=self.parameterization,
            time_sampler=self.time_sampler,
            loss=self.loss,
            block_size=self.block_size,
            versions=self.versions,
        )
