"""Checkpoints and trained models on disk: tensors as safetensors, the rest as JSON; nothing is unpickled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from taskloom.errors import RunCorruptError
from torch import Tensor

from taskloom_diffusion.model.diffusion_model import DiffusionModel
from taskloom_diffusion.training.ema import Average

if TYPE_CHECKING:
    from taskloom_diffusion.training.module import DiffusionModule

SomeModel = TypeVar("SomeModel", bound=DiffusionModel)
_STATE, _TENSORS = "training.json", "training.safetensors"
_MODEL_JSON, _MODEL_TENSORS = "model.json", "model.safetensors"


def save_training(
    folder: Path,
    task: DiffusionModule,
    optimizer: torch.optim.Optimizer,
    average: Average,
    state: Mapping[str, Any],
) -> None:
    """Write everything that the rest of a training depends on.

    Args:
        folder: Where to write.
        task: The module.
        optimizer: Its optimizer.
        average: Its moving average.
        state: Counters, as plain JSON.
    """
    tensors = {f"model.{n}": p for n, p in task.model.state_dict().items()}
    tensors |= {f"average.{n}": p for n, p in average.weights.items()}
    tensors["levels"] = task.level_sampler.state()
    slots = optimizer.state_dict()["state"]
    for index, values in slots.items():
        tensors |= {f"optimizer.{index}.{k}": v for k, v in values.items()}
    save_file(apart(tensors), folder / _TENSORS)
    full = {
        **state,
        "batches_seen": task.batches_seen,
        "average_updates": average.updates,
        "vocabulary": list(task.tokenizer.tokens),
    }
    (folder / _STATE).write_text(json.dumps(full, indent=1), encoding="utf-8", newline="\n")


def apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors as a file takes them: each with numbers of its own, also where a network ties two of its layers."""
    met: set[int] = set()
    found = {}
    for name, tensor in tensors.items():
        kept = tensor.detach().contiguous()
        place = kept.untyped_storage().data_ptr()
        found[name] = kept.clone() if place in met else kept
        met.add(place)
    return found


def load_state(folder: Path) -> dict[str, Any]:
    """Return the counters of a checkpoint.

    Raises:
        RunCorruptError: The folder is not a checkpoint of this domain.
    """
    try:
        state = json.loads((folder / _STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunCorruptError(
            f"'{folder}' is no checkpoint of a diffusion run: {_STATE} {_reason(error)}"
        ) from None
    if not isinstance(state, dict) or "batches_seen" not in state:
        raise RunCorruptError(
            f"'{folder}' is no checkpoint of a diffusion run: {_STATE} has no counters"
        )
    return state


def load_training(
    folder: Path, task: DiffusionModule, optimizer: torch.optim.Optimizer, average: Average
) -> None:
    """Restore what `save_training` wrote.

    Raises:
        RunCorruptError: The tensors cannot be read or have other shapes than the model.
    """
    state = load_state(folder)
    _compare_vocabularies(folder, state.get("vocabulary"), list(task.tokenizer.tokens))
    tensors = _read_tensors(folder / _TENSORS)
    fit_tensors(task.model, _part(tensors, "model."), folder)
    if "levels" not in tensors or not _part(tensors, "average."):
        raise RunCorruptError(f"the checkpoint in '{folder}' lacks the averaged weights")
    average.load(_part(tensors, "average."), int(state["average_updates"]))
    task.level_sampler.load_state(tensors["levels"])
    task.batches_seen = int(state["batches_seen"])
    slots: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _part(tensors, "optimizer.").items():
        index, key = name.split(".", 1)
        slots.setdefault(int(index), {})[key] = tensor
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": slots, "param_groups": groups})


def save_model(folder: Path, task: DiffusionModel, facts: Mapping[str, Any]) -> tuple[Path, Path]:
    """Write the model as it is sampled; return the paths of its tensors and of its description.

    Args:
        folder: Where to write.
        task: The module, holding the weights to keep.
        facts: What else generation needs, as plain JSON: the histogram of lengths.
    """
    save_file(apart(task.model.state_dict()), folder / _MODEL_TENSORS)
    description = {"format": 1, "arguments": task.arguments(), "facts": dict(facts)}
    (folder / _MODEL_JSON).write_text(json.dumps(description), encoding="utf-8", newline="\n")
    return folder / _MODEL_TENSORS, folder / _MODEL_JSON


def load_model(folder: Path, kind: type[SomeModel]) -> tuple[SomeModel, dict[str, Any]]:
    """Return a trained model in evaluation mode, and the facts it was saved with.

    Args:
        folder: Where it lies.
        kind: The class to load it as.

    Raises:
        RunCorruptError: A file is missing, damaged, from elsewhere, or does not fit the vocabulary.
    """
    try:
        description = json.loads((folder / _MODEL_JSON).read_text(encoding="utf-8"))
        arguments = description["arguments"]
        arguments["frequencies"] = tuple(arguments["frequencies"])
        task = kind(**arguments)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunCorruptError(
            f"'{folder}' holds no trained diffusion model: {_MODEL_JSON} {_reason(error)}"
        ) from None
    fit_tensors(task.model, _read_tensors(folder / _MODEL_TENSORS), folder)
    return task.eval(), description["facts"]


def _compare_vocabularies(folder: Path, theirs: object, ours: list[str]) -> None:
    """Refuse a checkpoint whose ids mean other tokens: shapes alone would not show it."""
    if theirs == ours:
        return
    if not isinstance(theirs, list):
        raise RunCorruptError(
            f"'{folder}' is no checkpoint of a diffusion run: {_STATE} has no vocabulary"
        )
    new, gone = (sorted(set(a) - set(b)) for a, b in ((ours, theirs), (theirs, ours)))
    change = " and ".join(
        f"{verb} {', '.join(map(repr, tokens[:3]))}"
        for verb, tokens in (("adds", new), ("lacks", gone))
        if tokens
    )
    raise RunCorruptError(
        f"the checkpoint in '{folder}' does not fit: it has {len(theirs)} tokens and the corpus now {len(ours)}; the corpus "
        f"{change or 'has them in another order'}"
    )


def _read_tensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError, ValueError) as error:
        raise RunCorruptError(
            f"'{path}' cannot be read as safetensors: it {_reason(error)}"
        ) from None


def fit_tensors(model: torch.nn.Module, tensors: Mapping[str, Tensor], folder: Path) -> None:
    """Load weights; a mismatch is one sentence that names the first tensor."""
    own = model.state_dict()
    for name, tensor in own.items():
        if name not in tensors:
            raise RunCorruptError(f"the checkpoint in '{folder}' lacks the tensor '{name}'")
        if tensors[name].shape != tensor.shape:
            raise RunCorruptError(
                f"the checkpoint in '{folder}' does not fit: '{name}' is {tuple(tensors[name].shape)} there and "
                f"{tuple(tensor.shape)} here (another vocabulary or another width)"
            )
    extra = sorted(set(tensors) - set(own))
    if extra:
        raise RunCorruptError(
            f"the checkpoint in '{folder}' has a tensor this model lacks: '{extra[0]}'"
        )
    model.load_state_dict(dict(tensors))


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "is missing"
    if isinstance(error, KeyError):
        return f"has no {error}"
    lines = str(error).splitlines()
    return f"is damaged ({lines[0] if lines else type(error).__name__})"
