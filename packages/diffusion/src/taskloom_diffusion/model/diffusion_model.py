"""A discrete diffusion model: a network and the mathematics around it, with nothing of a trainer.

Sampling and evaluation need no more than this; `training.module` adds what Lightning trains it with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from taskloom import derive_seed
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from taskloom_diffusion.config import DiffusionSettings, OptimizerSettings
from taskloom_diffusion.denoisers.base import Denoiser
from taskloom_diffusion.denoisers.table_torch import ToyPosterior
from taskloom_diffusion.losses.base import Corrupted
from taskloom_diffusion.model.blocks import BlockContext, Cut, predict_in_blocks
from taskloom_diffusion.model.building import (
    level_sampler_of,
    parameterization_of,
    tell_conditions,
    told_the_time,
)
from taskloom_diffusion.model.coercion import (
    as_denoiser,
    as_optimizer,
    as_settings,
    as_tokenizer,
)
from taskloom_diffusion.model.condition import Condition, condition_in
from taskloom_diffusion.model.documents import apart
from taskloom_diffusion.model.loss_terms import LossTerms
from taskloom_diffusion.model.memory import LOGITS, rows_in_memory
from taskloom_diffusion.model.noising import (
    documents_in,
    move_levels,
    noised,
    refuse_strange,
    tokens_of,
    vocabulary_of,
)
from taskloom_diffusion.model.parameterizations import Parameterization, read_logits
from taskloom_diffusion.model.protocols import Batch
from taskloom_diffusion.model.step_noise import StepRows
from taskloom_diffusion.model.told import ToldCondition, as_told, kept_conditions
from taskloom_diffusion.time_samplers.base import Levels, LevelSampler
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
        total_steps: Optimizer steps that the learning rate is planned for; 0 asks the trainer.
        frequencies: Share of each token in the corpus, for marginal noise.
        ends: Whether the end and pad tokens are predicted (length policy `eos_pad`).
        closes: Whether the end is predicted, and no padding: documents.
        seed: Root of the noise.
        conditions: What the network is told of a sequence besides its tokens; any of it may be unknown.
        condition_dropout: Chance that training tells nothing of a row, and, of several conditions, that it leaves each out.
    """

    def __init__(
        self,
        model_config: Denoiser | Mapping[str, Any],
        diffusion_config: DiffusionSettings | Mapping[str, Any],
        optimizer_config: OptimizerSettings | Mapping[str, Any],
        tokenizer_name: FittedTokenizer | Mapping[str, Any] | str,
        *,
        max_length: int = 512,
        total_steps: int = 0,
        frequencies: tuple[float, ...] = (),
        ends: bool = False,
        closes: bool = False,
        seed: int = 0,
        conditions: Sequence[ToldCondition | Mapping[str, Any]] = (),
        condition_dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.settings = as_settings(diffusion_config)
        steps = getattr(self.settings.schedule, "num_timesteps", None)
        self.denoiser_config = as_denoiser(model_config, steps)
        self.optimizer_settings = as_optimizer(optimizer_config)
        self.tokenizer = as_tokenizer(tokenizer_name)
        self.vocabulary = vocabulary_of(self.tokenizer, frequencies, ends=ends, closes=closes)
        self.max_length, self.total_steps, self.seed = max_length, total_steps, seed
        self.vocab_size = self.vocabulary.size
        self.logit_memory = LOGITS
        self.mask_token_id = self.vocabulary.mask_id
        self.pad_token_id = self.vocabulary.pad_id
        self.schedule = self.settings.schedule
        self.diffusion_process = self.settings.process.build(self.vocabulary)
        absorbing = self.diffusion_process.absorbing
        self.parameterization: Parameterization = parameterization_of(
            self.settings, absorbing=absorbing
        )
        self.level_sampler = level_sampler_of(self.settings)
        self.conditions, self.condition_dropout = as_told(conditions), condition_dropout
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(seed, "weights"))
            told = told_the_time(self.denoiser_config, absorbing=absorbing)
            self.model = told.build(self.vocab_size, max_length)
            tell_conditions(self.model, self.conditions, getattr(told, "kind", ""))
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
        self,
        z: Tensor,
        noise: Tensor,
        maskable: Tensor,
        wanted: Tensor | None = None,
        documents: Tensor | None = None,
        *,
        condition: Condition | None = None,
    ) -> Tensor:
        """Return logits (B, L, V); where `wanted` (B, L) is False they may be 0, which some networks make use of."""
        if documents is not None:
            return apart(self.forward, z, noise, maskable, wanted, documents=documents)
        told = {} if condition is None else {"condition": condition}
        partly = wanted is not None and getattr(self.model, "answers_in_part", False)
        asked = (z, noise, maskable, wanted) if partly else (z, noise, maskable)
        logits: Tensor = self.model(*asked, **told)
        return logits

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
        x, maskable = self.data_of(batch)
        sampler = self.level_sampler if levels is None else levels
        sizes = maskable.sum(1)
        if self.settings.block_size:
            inside = Cut.of(maskable, self.settings.block_size).apart(maskable)
            sizes = inside.sum(1)
        drawn = sampler.draw(sizes.cpu(), generator, versions=versions)
        shape = (len(x) * versions, x.shape[1])
        noise = torch.rand(shape, generator=generator, dtype=torch.float64)
        told = condition_in(batch)
        condition = None if told is None else told.repeated(versions)
        documents = documents_in(batch)
        return self.noised_at(x, maskable, drawn, noise, documents=documents, condition=condition)

    def corrupt_rows(self, batch: Batch, rows: StepRows, *, versions: int = 1) -> Corrupted:
        """Noise a part of the rows of an optimizer step: however these are cut, each gets the noise that is its own.

        Args:
            batch: Clean tokens (B, L).
            rows: Which rows of the step they are.
            versions: Noised versions n of each sequence.
        """
        x, maskable = self.data_of(batch)
        drawn = self._levels_of(maskable, rows, versions)
        noise = rows.noise(len(x), x.shape[1], versions)
        documents, told = documents_in(batch), condition_in(batch)
        condition = None
        if told is not None:
            lots = rows.noise_of("condition", len(x), 1 + told.given.shape[1], versions)
            condition = told.repeated(versions).dropped(lots, self.condition_dropout)
        return self.noised_at(x, maskable, drawn, noise, documents=documents, condition=condition)

    def _levels_of(self, maskable: Tensor, rows: StepRows, versions: int) -> Levels:
        """Return the levels of a batch out of those of its whole step, over which they are stratified."""
        size, numbers = self.settings.block_size, torch.from_numpy(rows.numbers(len(maskable)))
        numbers = numbers % rows.total
        sizes, parts = maskable.sum(1).cpu(), 1
        if size:
            cut = Cut.of(maskable, size)
            parts = -(-self.max_length // size)
            kept = cut.kept.cpu().nonzero()
            numbers = numbers[kept[:, 0]] * parts + kept[:, 1]
            sizes = cut.apart(maskable).sum(1).cpu()
        # Rows of other batches are there as rows of one token: what is drawn for them is not looked at.
        every = torch.ones(rows.total * parts, dtype=torch.long)
        every[numbers] = sizes
        drawn: Levels = self.level_sampler.draw(every, rows.generator(), versions=versions)
        turns = torch.arange(versions)[:, None] * len(every)
        return drawn.of_rows((turns + numbers).flatten())

    def noised_at(
        self,
        x: Tensor,
        maskable: Tensor,
        levels: Levels,
        noise: Tensor,
        *,
        free: Tensor | None = None,
        documents: Tensor | None = None,
        condition: Condition | None = None,
    ) -> Corrupted:
        """Noise sequences at given levels, and ask the network about them.

        Args:
            x: Clean tokens (B, L).
            maskable: Positions of the sequences (B, L).
            levels: Of all rows, for each version; with `block_size`, of all blocks that have data.
            noise: Uniform variates (n B, L), float64.
            free: Those of the positions that may be noised (B, L); the others are known, and no part of the bound. None is all.
            documents: Number of the document at each position (B, L), where rows hold several; none sees another.
            condition: What the network is told of each row (n B).
        """
        versions = len(noise) // len(x)
        levels, noise = move_levels(levels, x.device), noise.to(x.device)
        if self.settings.block_size:
            return self._noised_in_blocks(x, maskable, levels, noise, free, condition=condition)
        x, maskable = x.repeat(versions, 1), maskable.repeat(versions, 1)
        free = maskable if free is None else free.repeat(versions, 1)
        z = noised(x, free, levels, noise, self.diffusion_process)
        told = self._told(levels, free, maskable)
        if documents is not None:
            documents = documents.to(x.device).repeat(versions, 1)
        logits = self.forward(
            z, told, maskable, self._wanted(z, free), documents, condition=condition
        )
        log_x = read_logits(self.parameterization, logits, z, levels.alpha, self.diffusion_process)
        return Corrupted(x, z, free, logits, log_x, levels, self.diffusion_process)

    @staticmethod
    def _told(levels: Levels, free: Tensor, maskable: Tensor) -> Tensor:
        """Return the noise levels (B,) that the network is told: with known tokens, that of as many masks in the whole row."""
        if levels.counts is None or free is maskable:
            return 1 - levels.alpha
        # The mean of the mask rate's posterior Beta(k, n - k + 1), as in training and sampling.
        return levels.counts.double() / (maskable.sum(1) + 1)

    def _noised_in_blocks(
        self,
        x: Tensor,
        maskable: Tensor,
        levels: Levels,
        noise: Tensor,
        free: Tensor | None,
        *,
        condition: Condition | None,
    ) -> Corrupted:
        context, versions = BlockContext(x, maskable, self.mask_token_id), len(noise) // len(x)
        x, maskable = x.repeat(versions, 1), maskable.repeat(versions, 1)
        cut = Cut.of(maskable, self.settings.block_size)
        clean, valid = cut.apart(x), cut.apart(maskable)
        inside = valid if free is None else cut.apart(free.repeat(versions, 1))
        z = noised(clean, inside, levels, cut.apart(noise), self.diffusion_process)
        joined = cut.together(z, x)
        denoiser: Any = self.model
        if condition is not None:
            denoiser = partial(denoiser, condition=condition)
        wanted = self._wanted(joined, maskable)
        told = self._told(levels, inside, valid)
        logits = cut.apart(predict_in_blocks(denoiser, joined, told, cut, context, wanted=wanted))
        log_x = read_logits(self.parameterization, logits, z, levels.alpha, self.diffusion_process)
        return Corrupted(
            clean, z, inside, logits, log_x, levels, self.diffusion_process, cut.sequence
        )

    def data_of(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return tokens (B, L) and which of them are data, in our words or in Hugging Face's.

        Marks of a tokenizer, such as [CLS] and [SEP], are no data: the tokens between them are put side by side, so that a
        model never sees where marks were.

        Raises:
            ConfigError: A token is data and one that the model may never produce: its loss would be infinite.
        """
        x, maskable = tokens_of(batch, self._marks)
        refuse_strange(x, maskable, self.vocabulary)
        return x, maskable

    @property
    def _marks(self) -> tuple[int, ...]:
        """Ids of special tokens that are no data; the unknown token is data, and one that is refused."""
        unknown = getattr(self.tokenizer, "unknown_id", None)
        return tuple(
            i for i, allowed in enumerate(self.vocabulary.allowed) if not allowed and i != unknown
        )

    def _wanted(self, z: Tensor, maskable: Tensor) -> Tensor | None:
        """Return the positions whose logits the loss looks at; None is all."""
        if self.settings.loss.noised_only and self.parameterization == "subs":
            return maskable & (z == self.mask_token_id)
        return None

    def loss(self, corrupted: Corrupted) -> Tensor:
        """Return the training loss of one batch [nats per token]: the mean over its tokens."""
        nats, tokens = self.loss_terms(corrupted)
        return (nats / tokens.clamp_min(1)).float()

    def loss_terms(self, corrupted: Corrupted) -> tuple[Tensor, Tensor]:
        """Return the training loss as a sum [nats], float64, and the number of tokens that it is of.

        A figure per token is divided once, at the very end: means of batches of unlike lengths have no mean.
        """
        rows = self.settings.loss.per_row(corrupted)
        return rows.double().sum(), corrupted.maskable.sum()

    def loss_of_rows(self, batch: Batch, rows: StepRows) -> LossTerms:
        """Return the training loss of some rows of a step as a sum over their tokens.

        Where logits of all rows would not fit into the memory that they may take, slices of rows are asked about one after
        the other, and again when gradients are wanted.

        Args:
            batch: Clean tokens.
            rows: Which rows of the step they are.
        """
        x, maskable = self.data_of(batch)
        whole = {"tokens": x, "maskable": maskable}
        documents = documents_in(batch)
        if documents is not None:
            whole["document_ids"] = documents
        condition = condition_in(batch)
        whole |= {} if condition is None else condition.in_batch()
        size = rows_in_memory(self, x.shape[1] * self.settings.versions)
        if size >= len(x):
            return LossTerms(*self._terms(whole, rows))
        parts = [
            checkpoint(
                self._terms,
                {name: part[first : first + size] for name, part in whole.items()},
                rows.from_row(first),
                use_reentrant=False,
            )
            for first in range(0, len(x), size)
        ]
        nats, tokens, *seen = zip(*parts, strict=True)
        observed = [torch.cat(column) for column in seen]
        return LossTerms(torch.stack(nats).sum(), torch.stack(tokens).sum(), *observed)

    def _terms(self, batch: Batch, rows: StepRows) -> tuple[Tensor, ...]:
        corrupted = self.corrupt_rows(batch, rows, versions=self.settings.versions)
        nats, tokens = self.loss_terms(corrupted)
        levels = corrupted.levels
        bounds = levels.flow.new_zeros(0)
        if self.level_sampler.law.learns:
            sizes = corrupted.maskable.sum(1).clamp_min(1)
            bounds = corrupted.bound().detach().double() / sizes
        return nats, tokens, levels.time, levels.alpha, levels.flow, bounds

    def arguments(self) -> dict[str, Any]:
        """Return what rebuilds this model, as plain JSON: no class or tensor, so `weights_only` loading works."""
        return {
            "model_config": self._kept_denoiser().model_dump(mode="json"),
            "diffusion_config": self.settings.model_dump(mode="json"),
            "optimizer_config": self.optimizer_settings.model_dump(mode="json"),
            "tokenizer_name": self.tokenizer.save(),
            "max_length": self.max_length,
            "total_steps": self.total_steps,
            "frequencies": list(self.vocabulary.frequencies),
            "ends": self.vocabulary.allowed[self.vocabulary.pad_id],
            "closes": self.closes,
            "seed": self.seed,
        } | kept_conditions(self.conditions, self.condition_dropout)

    def _kept_denoiser(self) -> Denoiser:
        """Return the denoiser as a folder keeps it: a body from elsewhere with its definition, for that place may be gone."""
        definition = getattr(self.model, "definition", None)
        if definition is None:
            return self.denoiser_config
        return self.denoiser_config.model_copy(update={"definition": definition})

    @property
    def closes(self) -> bool:
        """True for documents: a sequence ends with a token that is predicted, and no padding is."""
        allowed = self.vocabulary.allowed
        return allowed[self.tokenizer.end_id] and not allowed[self.vocabulary.pad_id]
