"""Training that starts from a finished run: its weights, and its vocabulary with what is new behind it."""

from __future__ import annotations

import torch
from taskloom.errors import ConfigError
from taskloom.runs.run import open_run
from torch import nn

from taskloom_diffusion.model.diffusion_model import DiffusionModel
from taskloom_diffusion.tokenizers.base import FittedTokenizer
from taskloom_diffusion.tokenizers.symbols import SymbolTokenizer
from taskloom_diffusion.training.checkpoint import load_model


def started_from(reference: str) -> DiffusionModel:
    """Return the trained model of the run that a training starts from.

    Raises:
        ConfigError: The run has no model.
        RunNotFoundError: There is no such run.
    """
    run = open_run(reference)
    if "model" not in run.artifacts:
        raise ConfigError(
            f"start: run {run.id} ({run.status}) of '{run.domain}' has no trained diffusion model"
        )
    return load_model(run.artifacts["model"].parent, DiffusionModel)[0]


def extended(old: FittedTokenizer, new: FittedTokenizer) -> FittedTokenizer:
    """Return a vocabulary whose ids are the old ones, with symbols that only the new one has behind them.

    Raises:
        ConfigError: They are of two kinds.
    """
    theirs, ours = old.save()["kind"], new.save()["kind"]
    if theirs != ours:
        raise ConfigError(
            f"start: the run's tokenizer is '{theirs}' and this one '{ours}'; its vocabulary must go on: --tokenizer={theirs}"
        )
    if not (isinstance(old, SymbolTokenizer) and isinstance(new, SymbolTokenizer)):
        # Bytes and what was learnt once stay as they are.
        return old
    known = old.save()["symbols"]
    return SymbolTokenizer(
        old.kind, [*known, *(s for s in new.save()["symbols"] if s not in known)]
    )


@torch.no_grad()
def take_weights(network: nn.Module, old: nn.Module, sizes: tuple[int, int]) -> None:
    """Copy weights; rows of new tokens keep what they were made with.

    Args:
        network: The network to train.
        old: That of the run.
        sizes: Tokens of the new and of the old vocabulary.

    Raises:
        ConfigError: The networks are of other shapes; the first tensor is named.
    """
    theirs = old.state_dict()
    for name, tensor in network.state_dict().items():
        found = theirs.pop(name, None)
        grows = (
            (len(tensor), len(found)) == sizes
            if found is not None and tensor.ndim and found.ndim
            else False
        )
        if found is None or not (
            found.shape == tensor.shape or (grows and found.shape[1:] == tensor.shape[1:])
        ):
            shape = "is not there" if found is None else f"is {tuple(found.shape)} there"
            raise ConfigError(
                f"start: the run's network does not fit: '{name}' {shape} and {tuple(tensor.shape)} here; give the denoiser and "
                "max_length of that run"
            )
        # Old ids stay, so that the first rows are theirs.
        tensor[: len(found)].copy_(found) if tensor.ndim else tensor.copy_(found)
    if theirs:
        raise ConfigError(
            f"start: the run's network has '{min(theirs)}', which this one lacks; give its denoiser"
        )
