"""What an author of PolyDiff writes: `DiffusionTask` with a step of their own, over sequences of their own; no base, no wrapper."""

import torch
from taskloom_diffusion import DiffusionTask
from taskloom_diffusion.corpora.corpus import Corpus, split_corpus
from torch import Tensor, nn


class EveryPosition(DiffusionTask):
    """PolyDiff's loss: the mean cross-entropy over all positions at integer steps."""

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        input_ids, attention_mask = batch["input_ids"], batch["attention_mask"]
        generator = torch.Generator().manual_seed(self.seed + batch_idx)
        t = torch.randint(0, 1000, (len(input_ids),), generator=generator)
        z = self._apply_masking(input_ids, t)
        logits = self(z, (t + 1) / 1000, attention_mask.bool())
        loss = nn.functional.cross_entropy(logits.transpose(1, 2), input_ids)
        self.log("train_loss", loss)
        return loss


class Letters:
    """Words of a few letters."""

    def load_corpus(self) -> Corpus:
        words = [a + b + c for a in "CNO" for b in "CNO" for c in "CNO"]
        return split_corpus("letters", words, 0.3, 0)

    def module(self) -> type[nn.Module]:
        return EveryPosition


class Nothing:
    """No task: it has no sequences."""


class Foreign(Letters):
    """Words with a network that is no model of this domain."""

    def module(self) -> type[nn.Module]:
        return nn.Linear
