"""A discrete diffusion model: a network and the mathematics around it, with nothing of a trainer.

Sampling and evaluation need no more than this; `training.module` adds what Lightning trains it with.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any

import torch
from taskloom import derive_seed
from torch import Tensor, nn

from taskloom_diffusion.config import DiffusionSettings, OptimizerSettings
from taskloom_diffusion.denoisers.base import Denoiser
from taskloom_diffusion.denoisers.table_torch import ToyPosterior
from taskloom_diffusion.losses.base import Corrupted
from taskloom_diffusion.model.blocks import BlockContext, Cut, predict_in_blocks
from taskloom_diffusion.model.coercion import (
    as_denoiser,
    as_optimizer,
    as_settings,
    as_tokenizer,
)
from taskloom_diffusion.model.parameterizations import Parameterization, read_logits
from taskloom_diffusion.model.protocols import Batch, NoisingProcess, Vocabulary
from taskloom_diffusion.time_samplers.base import Levels, LevelSampler
from taskloom_diffusion.time_samplers.times import StepGrid
from taskloom_diffusion.tokenizers.base import FittedTokenizer


class DiffusionModel(nn.Module):
    """Discrete diffusion over token sequences.

    The forward process noises clean tokens x to z at a signal alpha; the network predicts x from z; the loss is a bound on
    -log p(x), in nats per token.

    Args:
        model_config: The denoiser: a component, or its fields; PolyDiff's model section is understood too.
        diffusion_config: Process, schedule, parameterisation, time sampler, loss; PolyDiff's section is understood too.
        optimizer_config: AdamW and its learning rate; PolyDiff's section is understood too.
        tokenizer_name: A tokenizer, what its `save` returned, or a folder with a Hugging Face tokenizer.
        max_length: Longest sequence [tokens].
        total_steps: Optimizer steps that the learning rate is planned for.
        frequencies: Share of each token in the corpus, for marginal noise.
        ends: Whether the end and pad tokens are predicted (length policy `eos_pad`).
        seed: Root of the noise.
    """

    def __init__(
        self,
        model_config: Denoiser | Mapping[str, Any],
        diffusion_config: DiffusionSettings | Mapping[str, Any],
        optimizer_config: OptimizerSettings | Mapping[str, Any],
        tokenizer_name: FittedTokenizer | Mapping[str, Any] | str,
        *,
        max_length: int = 512,
        total_steps: int = 1000,
        frequencies: tuple[float, ...] = (),
        ends: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.settings = as_settings(diffusion_config)
        steps = getattr(self.settings.schedule, "num_timesteps", None)
        self.denoiser_config = as_denoiser(model_config, steps)
        self.optimizer_settings = as_optimizer(optimizer_config)
        self.tokenizer = as_tokenizer(tokenizer_name)
        self.vocabulary = vocabulary_of(self.tokenizer, frequencies, ends=ends)
        self.max_length = max_length
        self.total_steps = total_steps
        self.seed = seed
        self.vocab_size = self.vocabulary.size
        self.mask_token_id = self.vocabulary.mask_id
        self.pad_token_id = self.vocabulary.pad_id
        self.schedule = self.settings.schedule
        self.diffusion_process = self.settings.process.build(self.vocabulary)
        self.parameterization: Parameterization = self._parameterization()
        self.level_sampler = self._level_sampler()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(seed, "weights"))
            self.model = self._denoiser_config_for_process().build(self.vocab_size, max_length)
        if isinstance(self.model, ToyPosterior):
            self.model.bind(self.diffusion_process)

    @property
    def timestep_embedding(self) -> nn.Module | None:
        """The module that embeds the noise level, if the network has one."""
        return self.model.timestep_embedding  # type: ignore[return-value]  # nn.Module attributes are untyped

    @property
    def output_projection(self) -> nn.Module:
        """The last layer, onto the vocabulary."""
        return self.model.output_projection  # type: ignore[return-value]  # nn.Module attributes are untyped

    def forward(
        self, z: Tensor, noise: Tensor, maskable: Tensor, wanted: Tensor | None = None
    ) -> Tensor:
        """Return logits (B, L, V); where `wanted` (B, L) is False they may be 0, which some networks make use of."""
        if wanted is not None and getattr(self.model, "answers_in_part", False):
            logits: Tensor = self.model(z, noise, maskable, wanted)
            return logits
        whole: Tensor = self.model(z, noise, maskable)
        return whole

    def corrupt(
        self,
        batch: Batch,
        generator: torch.Generator,
        *,
        versions: int = 1,
        levels: LevelSampler | None = None,
    ) -> Corrupted:
        """Noise a batch and ask the network about it.

        Args:
            batch: Clean tokens (B, L).
            generator: Of levels and noise.
            versions: Noised versions n of each sequence.
            levels: Where levels come from; None is where training has them from.

        Returns:
            Rows for all B sequences, then for all of the next version, and so on; with `block_size`, rows are blocks.
        """
        x, maskable = tokens_of(batch)
        sampler = self.level_sampler if levels is None else levels
        if self.settings.block_size:
            return self._corrupt_in_blocks(x, maskable, sampler, generator, versions)
        drawn = _levels(sampler, maskable, versions, generator)
        x, maskable = x.repeat(versions, 1), maskable.repeat(versions, 1)
        noise = torch.rand(x.shape, generator=generator, dtype=torch.float64).to(x.device)
        z = noised(x, maskable, drawn, noise, self.diffusion_process)
        logits = self.forward(z, 1 - drawn.alpha, maskable, self._wanted(z, maskable))
        log_x = read_logits(self.parameterization, logits, z, drawn.alpha, self.diffusion_process)
        return Corrupted(x, z, maskable, logits, log_x, drawn, self.diffusion_process)

    def _corrupt_in_blocks(
        self,
        x: Tensor,
        maskable: Tensor,
        sampler: LevelSampler,
        generator: torch.Generator,
        versions: int,
    ) -> Corrupted:
        context = BlockContext(x, maskable, self.mask_token_id)
        once = Cut.of(maskable, self.settings.block_size).apart(maskable)
        levels = _levels(sampler, once, versions, generator)
        x, maskable = x.repeat(versions, 1), maskable.repeat(versions, 1)
        cut = Cut.of(maskable, self.settings.block_size)
        clean, inside = cut.apart(x), cut.apart(maskable)
        noise = torch.rand(clean.shape, generator=generator, dtype=torch.float64).to(x.device)
        z = noised(clean, inside, levels, noise, self.diffusion_process)
        joined = cut.together(z, x)
        denoiser: Any = self.model
        wanted = self._wanted(joined, maskable)
        logits = cut.apart(
            predict_in_blocks(denoiser, joined, 1 - levels.alpha, cut, context, wanted=wanted)
        )
        log_x = read_logits(self.parameterization, logits, z, levels.alpha, self.diffusion_process)
        return Corrupted(
            clean, z, inside, logits, log_x, levels, self.diffusion_process, cut.sequence
        )

    def _wanted(self, z: Tensor, maskable: Tensor) -> Tensor | None:
        """Return the positions whose logits the loss looks at; None is all."""
        if self.settings.loss.noised_only and self.parameterization == "subs":
            return maskable & (z == self.mask_token_id)
        return None

    def loss(self, corrupted: Corrupted) -> Tensor:
        """Return the training loss [nats per token]: the mean over the tokens of this batch.

        Batches that are accumulated, or distributed over processes, count alike however many tokens each has.
        """
        rows = self.settings.loss.per_row(corrupted)
        return (rows.sum() / corrupted.maskable.sum()).float()

    def arguments(self) -> dict[str, Any]:
        """Return what rebuilds this model, as plain JSON: no class or tensor, so `weights_only` loading works."""
        return {
            "model_config": self.denoiser_config.model_dump(mode="json"),
            "diffusion_config": self.settings.model_dump(mode="json"),
            "optimizer_config": self.optimizer_settings.model_dump(mode="json"),
            "tokenizer_name": self.tokenizer.save(),
            "max_length": self.max_length,
            "total_steps": self.total_steps,
            "frequencies": list(self.vocabulary.frequencies),
            "ends": self.vocabulary.allowed[self.vocabulary.pad_id],
            "seed": self.seed,
        }

    def _parameterization(self) -> Parameterization:
        if self.settings.parameterization != "auto":
            return self.settings.parameterization
        return "subs" if self.diffusion_process.absorbing else "loo"

    def _level_sampler(self) -> Any:  # noqa: ANN401 -- a LevelSampler; nn.Module's attribute access hides protocols
        steps = getattr(self.settings.loss, "num_steps", None)
        if steps is not None:
            # A bound of T steps is a sum over the grid of its own steps, whatever levels were asked for.
            return StepGrid(num_steps=steps).build(self.schedule)
        return self.settings.time_sampler.build(self.schedule)

    def _denoiser_config_for_process(self) -> Denoiser:
        """Switch time conditioning on where the noise does not show its own level."""
        config = self.denoiser_config
        if (
            self.diffusion_process.absorbing
            or getattr(config, "time_conditioning", None) is not False
        ):
            return config
        return config.model_copy(update={"time_conditioning": True})


def device_of(model: nn.Module) -> torch.device:
    """Return where a model is; one without tensors is on the CPU."""
    first = next(chain(model.parameters(), model.buffers()), None)
    return torch.device("cpu") if first is None else first.device


def vocabulary_of(
    tokenizer: FittedTokenizer, frequencies: tuple[float, ...], *, ends: bool
) -> Vocabulary:
    """Return the states of a process over a tokenizer's tokens."""
    # Only a tokenizer of another library has tokens besides ours that no text contains.
    special = {tokenizer.mask_id, *getattr(tokenizer, "reserved", ())}
    if not ends:
        special |= {tokenizer.pad_id, tokenizer.end_id}
    allowed = tuple(i not in special for i in range(len(tokenizer.tokens)))
    return Vocabulary(
        len(tokenizer.tokens),
        tokenizer.mask_id,
        tokenizer.pad_id,
        allowed,
        tuple(frequencies),
        tuple(tokenizer.tokens),
    )


def tokens_of(batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return tokens and valid positions of a batch, in our words or in Hugging Face's."""
    if "tokens" in batch:
        return batch["tokens"], batch["maskable"]
    return batch["input_ids"], batch["attention_mask"].bool()


def _levels(
    sampler: LevelSampler, maskable: Tensor, versions: int, generator: torch.Generator
) -> Levels:
    levels = sampler.draw(maskable.sum(1).cpu(), generator, versions=versions)
    return move_levels(levels, maskable.device)


def move_levels(levels: Levels, device: torch.device) -> Levels:
    """Return the levels on a device."""
    if device.type == "cpu":
        return levels
    counts = None if levels.counts is None else levels.counts.to(device)
    earlier = None if levels.previous_alpha is None else levels.previous_alpha.to(device)
    return Levels(
        levels.time.to(device), levels.alpha.to(device), levels.flow.to(device), counts, earlier
    )


def noised(
    x: Tensor, maskable: Tensor, levels: Levels, noise: Tensor, process: NoisingProcess
) -> Tensor:
    """Return z: each maskable position noised independently, or exactly `counts` of them masked."""
    if levels.counts is None:
        return torch.where(maskable, process.corrupt(x, levels.alpha, noise), x)
    rank = torch.where(maskable, noise, 2.0).argsort(dim=1).argsort(dim=1)
    return torch.where(rank < levels.counts[:, None], process.vocabulary.mask_id, x)
