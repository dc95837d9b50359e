"""AdamW or Muon with groups, and the learning rate over time."""

from __future__ import annotations

import math

import torch
from torch import nn

from taskloom_diffusion.config import OptimizerSettings
from taskloom_diffusion.model.own_optimizer import OwnOptimizer
from taskloom_diffusion.training.muon import MuonAdamW


def build_optimizer(model: nn.Module, settings: OptimizerSettings) -> torch.optim.Optimizer:
    """Return the optimizer; it decays matrices but not norms, biases or embeddings."""
    embeddings = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    trainable = [p for p in model.parameters() if p.requires_grad]
    decayed = [p for p in trainable if p.ndim >= 2 and id(p) not in embeddings]
    plain = [p for p in trainable if p.ndim < 2 or id(p) in embeddings]
    betas = (settings.beta1, settings.beta2)
    if settings.algorithm == "muon":
        head = getattr(getattr(model, "output_projection", None), "weight", None)
        hidden = [p for p in decayed if p is not head]
        rest = [p for p in decayed if p is head]
        groups = [
            {"params": hidden, "weight_decay": settings.weight_decay, "muon": True},
            {"params": rest, "weight_decay": settings.weight_decay, "muon": False},
            {"params": plain, "weight_decay": 0.0, "muon": False},
        ]
        return MuonAdamW([g for g in groups if g["params"]], settings.lr, betas)
    groups = [
        {"params": decayed, "weight_decay": settings.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    groups = [g for g in groups if g["params"]]
    if isinstance(settings.algorithm, OwnOptimizer):
        return settings.algorithm.build(groups, settings.lr)
    return torch.optim.AdamW(groups, settings.lr, betas)


def rate_factor(step: int, total: float, settings: OptimizerSettings) -> float:
    """Return the learning rate of a step over the highest one.

    Args:
        step: Steps done before.
        total: Steps of the whole training; infinity keeps the rate constant.
        settings: The shape: a linear warm-up, then one of five curves.
    """
    warmup = settings.warmup_steps
    if step < warmup:
        return (step + 1) / warmup
    progress = min(1.0, (step - warmup) / max(1, total - warmup))
    floor = settings.final_share
    if settings.schedule == "constant":
        return 1.0
    if settings.schedule == "linear":
        return 1 - (1 - floor) * progress
    if settings.schedule == "cosine":
        return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress))
    if settings.schedule == "inverse_sqrt":
        return math.sqrt(max(warmup, 1) / max(step + 1, 1, warmup))
    begin = 1 - settings.decay_share
    return 1.0 if progress < begin else 1 - (1 - floor) * (progress - begin) / settings.decay_share
