"""The Lightning module: a diffusion model with the steps that a trainer asks for."""

from __future__ import annotations

import json
import math
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import lightning.pytorch as pl
import torch
from taskloom import derive_seed
from torch import Tensor
from torch.utils.data import DistributedSampler

from taskloom_diffusion.compat.moved import old_names
from taskloom_diffusion.config import DiffusionSettings, OptimizerSettings
from taskloom_diffusion.denoisers.base import Denoiser
from taskloom_diffusion.evaluation.rows import answers, bound_of_rows
from taskloom_diffusion.model.condition import KEYS, condition_in
from taskloom_diffusion.model.diffusion_model import DiffusionModel
from taskloom_diffusion.model.loss_terms import LossTerms
from taskloom_diffusion.model.protocols import Batch
from taskloom_diffusion.model.step_noise import StepRows
from taskloom_diffusion.model.told import ToldCondition
from taskloom_diffusion.time_samplers.base import Levels
from taskloom_diffusion.tokenizers.base import FittedTokenizer
from taskloom_diffusion.training.optimizers import build_optimizer, rate_factor
from taskloom_diffusion.training.ratio import NatsPerToken
from taskloom_diffusion.training.team import gathered, summed

if TYPE_CHECKING:
    # Older releases, which are allowed, lack it.
    from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig

_STATE = "_extra_state"


class DiffusionModule(DiffusionModel, pl.LightningModule):
    """Discrete diffusion over token sequences.

    It trains in any Lightning `Trainer` on batches with `tokens` (B, L) and `maskable` (B, L), or `input_ids` and
    `attention_mask`, whose special tokens are no data. `DiffusionModel` has the mathematics, and says what the arguments are.
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
        super().__init__(
            model_config,
            diffusion_config,
            optimizer_config,
            tokenizer_name,
            max_length=max_length,
            total_steps=total_steps,
            frequencies=frequencies,
            ends=ends,
            closes=closes,
            seed=seed,
            conditions=conditions,
            condition_dropout=condition_dropout,
        )
        self.save_hyperparameters(self.arguments())
        self.batches_seen = 0
        self.first_step = 0
        # Of the noise: a checkpoint's goes on, whatever seed the module was made with.
        self.noise_seed = seed
        self.last_batch: tuple[float, int] | None = None
        self._observed: list[list[Tensor]] = []
        self._rows_in_step = 0
        self._nats = self._tokens = 0.0
        self._told_empty = False
        self.judged, self.judged_null = NatsPerToken(), NatsPerToken()
        self._rows_judged = 0
        self._met: Counter[bytes] = Counter()
        self._met_null: Counter[bytes] = Counter()

    def setup(self, stage: str) -> None:
        """Do nothing: schedules and processes follow the device of the tensors they are given."""
        del stage

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of a batch [nats]: the sum over its tokens, which a trainer's step divides by those of all batches.

        Without a trainer nothing will divide it, and the loss is in nats per token.
        """
        del batch_idx  # batches are numbered over the whole training, resumed or not
        if self._trainer is None:
            rows = StepRows(self.noise_seed, self.batches_seen, 0, _rows_of(batch))
        else:
            rows = self._rows_of_step(_rows_of(batch))
        self.batches_seen += 1
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(self.noise_seed, f"dropout/{rows.step}/{rows.first}"))
            terms = self.loss_of_rows(batch, rows)
        self._learn_levels(terms)
        nats, tokens = terms.nats, terms.tokens
        if self._trainer is None:
            return (nats / tokens.clamp_min(1)).float()
        self.last_batch = (float(nats.detach()), int(tokens))
        self._nats += self.last_batch[0]
        self._tokens += self.last_batch[1]
        return nats.float()

    def _rows_of_step(self, count: int) -> StepRows:
        """Return the place of this batch among the rows of the step: micro-batches and processes in order."""
        trainer = self.trainer
        processes, before = trainer.world_size, self._rows_in_step
        self._rows_in_step += count
        return StepRows(
            self.noise_seed,
            self.first_step + trainer.global_step,
            processes * before + self.global_rank * count,
            count * trainer.accumulate_grad_batches * processes,
        )

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Turn the gradient of a sum into that of the loss per token, over all batches and processes of the step.

        The trainer has divided by the number of batches that it is set to accumulate, and by the number of processes.
        """
        self._rows_in_step = 0
        self._observe()
        if self.last_batch is None and not self._tokens:
            return  # a subclass with a loss of its own, which is a mean already
        nats, tokens = summed([self._nats, self._tokens], self.device)
        self._nats = self._tokens = 0.0
        weights = [p for group in optimizer.param_groups for p in group["params"]]
        if not tokens:
            self._skip(weights)
            return
        factor = self.trainer.accumulate_grad_batches * self.trainer.world_size / tokens
        for weight in weights:
            if weight.grad is not None:
                weight.grad.mul_(factor)
        self.log("train_loss", nats / tokens, prog_bar=True)

    def _skip(self, weights: list[torch.nn.Parameter]) -> None:
        """Leave out a step without data; decay and momentum would move the weights all the same."""
        for weight in weights:
            weight.grad = None
        if not self._told_empty:
            self._told_empty = True
            warnings.warn("a step without a single token of data was skipped", stacklevel=2)

    def validation_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the bound of a held-out batch [nats per token]; over an epoch it is `val_loss`, nats over tokens.

        Levels are those of least variance, not training's: these may be biased, or on a grid of steps. A sequence's noise
        depends on what it is, so no order or size of batches changes the figure.
        """
        del batch_idx
        return self._judge(batch, "val_loss")

    def test_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the bound of a batch [nats per token]; over an epoch it is `test_loss`."""
        del batch_idx
        return self._judge(batch, "test_loss")

    def predict_step(self, batch: Any, batch_idx: int) -> Any:  # noqa: ANN401 -- three kinds of batch, see below
        """Return what a batch asks for.

        Texts with gaps are completed; whole numbers are the lengths of sequences to draw; tokens are answered by bounds on
        their log-likelihood (B,) [nats].
        """
        seed = derive_seed(self.noise_seed, "predict", batch_idx)
        if isinstance(batch, Mapping):
            nats, _ = bound_of_rows(self, dict(batch), seed)
            return -nats
        return answers(self, batch, seed)

    def _judge(self, batch: Batch, name: str) -> Tensor:
        fresh = self._fresh_rows(_rows_of(batch))
        if condition_in(batch) is not None:
            # With nothing told it bounds -log p(x); the difference of the two bounds is none.
            untold = {key: value for key, value in batch.items() if key not in KEYS}
            self._judge_rows(untold, fresh, f"{name}_null", self.judged_null, self._met_null)
        return self._judge_rows(batch, fresh, name, self.judged, self._met)

    def _judge_rows(
        self, batch: Batch, fresh: Tensor, name: str, judged: NatsPerToken, met: Counter[bytes]
    ) -> Tensor:
        nats, tokens = bound_of_rows(self, batch, derive_seed(self.noise_seed, "validation"), met)
        fresh = fresh.to(nats.device)
        nats, tokens = (nats * fresh).sum(), (tokens * fresh).sum()
        if self._trainer is None:
            met.clear()  # a step that stands alone is an epoch
        else:
            judged.update(nats, tokens)
            self.log(name, judged, on_step=False, on_epoch=True, prog_bar=True)
        return nats / tokens.clamp_min(1)

    def _fresh_rows(self, count: int) -> Tensor:
        """Return 0 for rows that a distributed sampler repeats to give every process as many, and 1 for all others."""
        first = self._rows_judged
        self._rows_judged += count
        loaders = None if self._trainer is None else self.trainer.val_dataloaders
        sampler = getattr(loaders, "sampler", None)
        if not isinstance(sampler, DistributedSampler) or sampler.drop_last:
            return torch.ones(count)
        place = (first + torch.arange(count)) * sampler.num_replicas + sampler.rank
        length = len(sampler.dataset)  # type: ignore[arg-type]  # torch's datasets that have a sampler have a length
        return (place < length).double()

    def on_validation_epoch_start(self) -> None:
        """Begin to count the rows of an epoch."""
        self._rows_judged = 0
        self._met.clear()
        self._met_null.clear()

    def on_test_epoch_start(self) -> None:
        """Begin to count the rows of an epoch."""
        self._rows_judged = 0
        self._met.clear()
        self._met_null.clear()

    def get_extra_state(self) -> Tensor:
        """Return what the rest of a training depends on besides weights: counters of the noise, and what levels were learnt."""
        state = {
            "noise_seed": self.noise_seed,
            "batches_seen": self.batches_seen,
            "levels": self.level_sampler.state().tolist(),
        }
        # Bytes in a tensor, so that any format of weights can hold them.
        return torch.tensor(list(json.dumps(state).encode()), dtype=torch.uint8)

    def set_extra_state(self, state: Tensor) -> None:
        """Restore what `get_extra_state` returned."""
        found = json.loads(bytes(state.tolist()))
        self.noise_seed, self.batches_seen = int(found["noise_seed"]), int(found["batches_seen"])
        levels = torch.tensor(found["levels"], dtype=torch.float64)
        self.level_sampler.load_state(levels.reshape(self.level_sampler.state().shape))

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:  # noqa: ANN401 -- torch's own type
        """Load weights and counters; weights of earlier versions, which had no counters, begin them anew."""
        if _STATE not in state_dict:
            warnings.warn(
                "these weights came without the counters of their noise, which begin anew",
                stacklevel=2,
            )
            state_dict = {**state_dict, _STATE: self.get_extra_state()}
        return super().load_state_dict(state_dict, strict, assign)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Return the optimizer and a learning rate per step, planned for `total_steps` or for what the trainer estimates."""
        total: float = self.total_steps
        if not total:
            total = math.inf if self._trainer is None else self.trainer.estimated_stepping_batches
        if math.isinf(total) and self.optimizer_settings.schedule != "constant":
            warnings.warn(
                "the training has no end: the learning rate stays constant after its warm-up",
                stacklevel=2,
            )
        optimizer = build_optimizer(self.model, self.optimizer_settings)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer,
            lambda step: rate_factor(step + self.first_step, total, self.optimizer_settings),
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

    def _learn_levels(self, terms: LossTerms) -> None:
        if not self.level_sampler.law.learns:
            return
        # All processes learn from all rows, so that they keep drawing from one law.
        seen = (terms.time, terms.alpha, terms.flow, terms.bounds)
        self._observed.append([gathered(v.detach().double()).cpu() for v in seen])
        if self._trainer is None:
            self._observe()

    def _observe(self) -> None:
        """Learn from all rows of a step at once: within it every batch draws from the law that it began with."""
        if self._observed:
            columns = zip(*self._observed, strict=True)
            time, alpha, flow, losses = (torch.cat(column) for column in columns)
            self.level_sampler.observe(Levels(time, alpha, flow), losses)
            self._observed = []


def _rows_of(batch: Batch) -> int:
    """Return how many sequences a batch has."""
    return len(batch["tokens"] if "tokens" in batch else batch["input_ids"])


# PolyDiff's name, `DiffusionTask`, stands in the package; before 0.2 it stood here.
__getattr__ = old_names(__name__)
