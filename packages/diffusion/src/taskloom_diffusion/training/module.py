"""The Lightning module: a diffusion model with the steps that a trainer asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import lightning.pytorch as pl
import torch
from taskloom import derive_seed
from torch import Tensor

from taskloom_diffusion.compat.moved import old_names
from taskloom_diffusion.config import DiffusionSettings, OptimizerSettings
from taskloom_diffusion.denoisers.base import Denoiser
from taskloom_diffusion.losses.base import Corrupted
from taskloom_diffusion.model.diffusion_model import DiffusionModel
from taskloom_diffusion.model.protocols import Batch
from taskloom_diffusion.time_samplers.base import Levels
from taskloom_diffusion.time_samplers.mask_rates import least_variance
from taskloom_diffusion.tokenizers.base import FittedTokenizer
from taskloom_diffusion.training.optimizers import build_optimizer, rate_factor
from taskloom_diffusion.training.team import gathered

if TYPE_CHECKING:
    # Older releases, which are allowed, lack it.
    from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig


class DiffusionModule(DiffusionModel, pl.LightningModule):
    """Discrete diffusion over token sequences.

    It trains in any Lightning `Trainer` on batches with `tokens` (B, L) and `maskable` (B, L), or `input_ids` and
    `attention_mask`. `DiffusionModel` has the mathematics, and says what the arguments are.
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
        super().__init__(
            model_config,
            diffusion_config,
            optimizer_config,
            tokenizer_name,
            max_length=max_length,
            total_steps=total_steps,
            frequencies=frequencies,
            ends=ends,
            seed=seed,
        )
        self.save_hyperparameters(self.arguments())
        self.batches_seen = 0
        self.first_step = 0

    def setup(self, stage: str) -> None:
        """Do nothing: schedules and processes follow the device of the tensors they are given."""
        del stage

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of a batch [nats per token]."""
        del batch_idx  # batches are numbered over the whole training, resumed or not
        # Numbered over all processes too: two of them make what one makes that accumulates two batches.
        processes = 1 if self._trainer is None else self._trainer.world_size
        number = self.batches_seen * processes + self.global_rank
        self.batches_seen += 1
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(self.seed, f"dropout/{number}"))
            corrupted = self.corrupt(
                batch, self._generator("train", number), versions=self.settings.versions
            )
        loss = self.loss(corrupted)
        self._learn_levels(corrupted)
        self._report("train_loss", loss.detach(), len(corrupted.x))
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the bound of a held-out batch [nats per token]; its noise depends on the batch's number only.

        Levels are those of least variance, not training's: these may be biased, or on a grid of steps.
        """
        levels = least_variance(absorbing=self.diffusion_process.absorbing)
        generator = self._generator("validation", batch_idx)
        corrupted = self.corrupt(batch, generator, levels=levels)
        bound = corrupted.bound().sum() / corrupted.maskable.sum()
        self._report("val_loss", bound, len(corrupted.x))
        return bound

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Return AdamW and a learning rate per step."""
        optimizer = build_optimizer(self.model, self.optimizer_settings)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer,
            lambda step: rate_factor(
                step + self.first_step, self.total_steps, self.optimizer_settings
            ),
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _apply_masking(self, input_ids: Tensor, t: Tensor) -> Tensor:
        """Return z at times t (B,) in [0, 1] from clean tokens (B, L); padding stays."""
        noise = torch.rand(input_ids.shape, dtype=torch.float64, device=input_ids.device)
        if not t.is_floating_point():
            # PolyDiff's integer steps: step t has the noise at the end of its interval.
            t = (t.double() + 1) / float(getattr(self.schedule, "num_timesteps", 1000))
        z = self.diffusion_process.corrupt(input_ids, self.schedule.alpha(t.double()), noise)
        return torch.where(input_ids == self.pad_token_id, input_ids, z)

    def _report(self, name: str, value: Tensor, rows: int) -> None:
        """Log a number, if a trainer is there to log to; the step methods also work without one."""
        if self._trainer is not None:
            self.log(name, value, batch_size=rows, prog_bar=True)

    def _learn_levels(self, corrupted: Corrupted) -> None:
        if not self.level_sampler.law.learns:
            return
        with torch.no_grad():
            per_token = corrupted.bound().detach() / corrupted.maskable.sum(1)
            seen = corrupted.levels
            # All processes learn from all rows, so that they keep drawing from one law.
            together = [gathered(v.double()) for v in (seen.time, seen.alpha, seen.flow, per_token)]
            time, alpha, flow, losses = (v.cpu() for v in together)
            self.level_sampler.observe(Levels(time, alpha, flow), losses)

    def _generator(self, purpose: str, number: int) -> torch.Generator:
        return torch.Generator().manual_seed(derive_seed(self.seed, f"{purpose}/{number}"))


# PolyDiff's name, `DiffusionTask`, stands in the package; before 0.2 it stood here.
__getattr__ = old_names(__name__)
