"""A trained model as a folder that needs nothing of this package: a network, its vocabulary, and a program that draws from it."""

from __future__ import annotations

import io
import json
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeAlias

import torch
from taskloom.errors import ConfigError, MissingExtraError, StoreError, UsageError
from torch import Tensor, nn

from taskloom_diffusion.denoisers.dit_torch import DiTNetwork
from taskloom_diffusion.evaluation.sampling import predicts_ends
from taskloom_diffusion.evaluation.trained import TrainedModel
from taskloom_diffusion.exports.hugging_face import write_hugging_face
from taskloom_diffusion.exports.plain_dit import PlainDiT
from taskloom_diffusion.samplers.base import Sampler

Format: TypeAlias = Literal["torch", "onnx", "hf"]
FORMATS: tuple[Format, ...] = ("torch", "onnx", "hf")
SAMPLERS = ("first_hitting", "random", "left_to_right", "confidence", "margin", "entropy")
"""Samplers that `sample.py` knows."""
LEVELS = 1025


class _Told(nn.Module):
    """A network of another kind, asked as `PlainDiT` is."""

    def __init__(self, network: nn.Module, *, uses_time: bool) -> None:
        super().__init__()
        self.network = network
        self.uses_time = uses_time

    def forward(self, tokens: Tensor, maskable: Tensor, noise: Tensor | None = None) -> Tensor:
        level = (
            tokens.new_full((len(tokens),), 0.5, dtype=torch.float32) if noise is None else noise
        )
        logits: Tensor = self.network(tokens, level, maskable)
        return logits


def export(model: TrainedModel, folder: Path, format: Format, sampler: Sampler) -> None:
    """Write a model as a folder; if that cannot be done, nothing is written.

    Args:
        model: The model.
        folder: Where to; it must not exist, or be empty.
        format: `torch` for torch.export, `onnx`, or `hf` for a folder of Hugging Face.
        sampler: The sampler of `sample.py`.

    Raises:
        UsageError: The folder holds something.
        ConfigError: The network or the sampler cannot be exported.
        MissingExtraError: The packages of ONNX are not installed.
        StoreError: The folder cannot be written.
    """
    if model.conditions:
        names = ", ".join(condition.name for condition in model.conditions)
        raise ConfigError(
            f"this model is told conditions ({names}), and no format of an export asks for them; load it with taskloom_diffusion.load"
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"--to '{folder}' is not empty; give a new folder")
    if format != "hf":
        _check(model, sampler)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as name:
            place = Path(name) / "model"
            place.mkdir()
            _WRITERS[format](model, place, sampler)
            if folder.exists():
                folder.rmdir()
            shutil.move(place, folder)
    except OSError as error:
        raise StoreError(f"--to '{folder}' cannot be written: {error.strerror}") from None


def _check(model: TrainedModel, sampler: Sampler) -> None:
    kind = str(getattr(sampler, "kind", type(sampler).__name__))
    known = ", ".join(SAMPLERS)
    told = getattr(model.model, "uses_time", False)
    if kind not in SAMPLERS:
        raise ConfigError(
            f"sampler '{kind}' cannot be exported; sample.py knows {known}: add --sampler=first_hitting"
        )
    if not model.diffusion_process.absorbing:
        raise ConfigError(f"noise that is not the mask cannot be exported; sample.py knows {known}")
    if model.settings.block_size:
        raise ConfigError(
            f"a model of blocks (block_size = {model.settings.block_size}) cannot be exported: sample.py draws whole sequences"
        )
    if getattr(sampler, "buckets", "equal") != "equal" or (told and kind == "first_hitting"):
        raise ConfigError(
            f"sampler '{kind}' of this model cannot be exported as it is set; add --sampler=confidence or left_to_right"
        )


def network_of(model: TrainedModel) -> nn.Module:
    """Return the network in plain operations: logits (B, L, V) of tokens, positions and perhaps noise levels."""
    network = model.model
    if isinstance(network, DiTNetwork):
        fields = model.denoiser_config.model_dump(exclude={"kind"})
        fields["time_conditioning"] = network.uses_time
        plain = PlainDiT(model.vocab_size, model.max_length, **fields)
        plain.load_state_dict(network.state_dict())
        return plain.eval()
    return _Told(network, uses_time=bool(getattr(network, "uses_time", False))).eval()


def _examples(model: TrainedModel) -> tuple[tuple[Tensor, ...], dict[str, Any]]:
    """Return an example of what the network is asked, and which of its dimensions vary."""
    tokens = torch.full((3, min(5, model.max_length)), model.mask_token_id)
    maskable = torch.ones_like(tokens, dtype=torch.bool)
    batch, length = torch.export.Dim("batch"), torch.export.Dim("length", max=model.max_length)
    shapes: dict[str, Any] = {
        "tokens": {0: batch, 1: length},
        "maskable": {0: batch, 1: length},
    }
    if not getattr(model.model, "uses_time", False):
        return (tokens, maskable), shapes
    return (tokens, maskable, torch.full((3,), 0.5)), {**shapes, "noise": {0: batch}}


@contextmanager
def _quietly(model: TrainedModel) -> Iterator[None]:
    """Turn failures of an exporter into one sentence, and keep its talk out of the output."""
    kind = getattr(model.denoiser_config, "kind", type(model.denoiser_config).__name__)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    except (RuntimeError, ValueError, TypeError, NotImplementedError) as error:
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ConfigError(f"denoiser '{kind}' cannot be exported: {first[:200]}") from None


def _write_torch(model: TrainedModel, folder: Path, sampler: Sampler) -> None:
    arguments, shapes = _examples(model)
    with _quietly(model):
        program = torch.export.export(network_of(model), arguments, dynamic_shapes=shapes)
        torch.export.save(program, folder / "model.pt2")
    _describe(model, folder, sampler, "sample_torch.py")


def _write_onnx(model: TrainedModel, folder: Path, sampler: Sampler) -> None:
    for name in ("onnx", "onnxscript"):
        try:
            import_module(name)
        except ImportError:
            raise MissingExtraError(
                f"--format=onnx needs the package {name}, which is not installed",
                hint="pip install 'taskloom-diffusion[onnx]'",
            ) from None
    arguments, shapes = _examples(model)
    with _quietly(model):
        torch.onnx.export(
            network_of(model),
            arguments,
            str(folder / "model.onnx"),
            input_names=["tokens", "maskable", "noise"][: len(arguments)],
            output_names=["logits"],
            dynamic_shapes=shapes,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    _describe(model, folder, sampler, "sample_onnx.py")


def _write_hf(model: TrainedModel, folder: Path, sampler: Sampler) -> None:
    write_hugging_face(model, folder, network_of(model), sampler)


_WRITERS: dict[Format, Callable[[TrainedModel, Path, Sampler], None]] = {
    "torch": _write_torch,
    "onnx": _write_onnx,
    "hf": _write_hf,
}


def _describe(model: TrainedModel, folder: Path, sampler: Sampler, program: str) -> None:
    """Write everything that drawing needs besides the network, and the program that draws."""
    lengths = list(model.length_histogram)
    if predicts_ends(model) or not lengths:
        lengths = [0] * model.max_length + [1]
    times = torch.linspace(0, 1, LEVELS, dtype=torch.float64)
    saved = model.tokenizer.save()
    description = {
        "format": 1,
        "tokens": list(model.tokenizer.tokens),
        "pad": model.pad_token_id,
        "mask": model.mask_token_id,
        "end": model.tokenizer.end_id,
        "allowed": [i for i, allowed in enumerate(model.vocabulary.allowed) if allowed],
        "max_length": model.max_length,
        "lengths": lengths,
        # Symbols are text already; of other tokenizers the pieces are shown.
        "join": "" if "symbols" in saved and saved["kind"] != "selfies" else " ",
        "uses_time": bool(getattr(model.model, "uses_time", False)),
        "schedule": model.schedule.alpha(times).tolist(),
        "sampler": sampler.model_dump(mode="json"),
    }
    save_text(folder / "model.json", json.dumps(description))
    definition = saved.get("definition")
    save_text(folder / "tokenizer.json", definition if definition else json.dumps(saved))
    save_text(folder / "sample.py", own_text(program))


def own_text(name: str) -> str:
    """Return the text of a file of this folder of the package."""
    return files("taskloom_diffusion.exports").joinpath(name).read_text(encoding="utf-8")


def save_text(path: Path, text: str) -> None:
    """Write a file with line feeds alone, whatever the system."""
    path.write_text(text, encoding="utf-8", newline="\n")
