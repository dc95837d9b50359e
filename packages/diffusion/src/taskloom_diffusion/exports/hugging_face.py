"""A trained model as a folder of Hugging Face, and back."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from taskloom.errors import ConfigError
from torch import nn
from transformers import PreTrainedTokenizerFast

from taskloom_diffusion.evaluation.trained import TrainedModel
from taskloom_diffusion.exports.modeling_dit import TaskloomDiTConfig
from taskloom_diffusion.exports.plain_dit import PlainDiT
from taskloom_diffusion.samplers.base import Sampler
from taskloom_diffusion.tokenizers.symbols import SMILES_PATTERN
from taskloom_diffusion.training.checkpoint import fit_tensors

_CODE = ("modeling_dit.py", "plain_dit.py")
_OURS = "from taskloom_diffusion.exports.plain_dit"


def write_hugging_face(
    model: TrainedModel, folder: Path, network: nn.Module, sampler: Sampler
) -> None:
    """Write a folder that `AutoModelForMaskedLM.from_pretrained(folder, trust_remote_code=True)` reads.

    Raises:
        ConfigError: The network is another than `dit`, or the tokenizer has no form there.
    """
    if not isinstance(network, PlainDiT):
        kind = getattr(model.denoiser_config, "kind", "")
        raise ConfigError(
            f"denoiser '{kind}' cannot be exported to Hugging Face; 'dit' can, and 'hf' has been there before"
        )
    fields = model.denoiser_config.model_dump(exclude={"kind"})
    fields["time_conditioning"] = bool(getattr(model.model, "uses_time", False))
    facts = {
        "length_histogram": list(model.length_histogram),
        "sampler": sampler.model_dump(mode="json"),
    }
    config = TaskloomDiTConfig(
        model.vocab_size,
        model.max_length,
        fields,
        {"arguments": model.arguments(), "facts": facts},
        pad_token_id=model.pad_token_id,
        architectures=["TaskloomDiTForMaskedLM"],
        auto_map={
            "AutoConfig": "modeling_dit.TaskloomDiTConfig",
            "AutoModelForMaskedLM": "modeling_dit.TaskloomDiTForMaskedLM",
        },
    )
    config.save_pretrained(folder)
    tensors = {f"network.{name}": t.contiguous() for name, t in network.state_dict().items()}
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    _tokenizer(model).save_pretrained(folder)
    for name in _CODE:
        text = files("taskloom_diffusion.exports").joinpath(name).read_text(encoding="utf-8")
        text = text.replace(_OURS, "from .plain_dit")
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


def _tokenizer(model: TrainedModel) -> PreTrainedTokenizerFast:
    """Return a tokenizer with the same ids."""
    from tokenizers import Tokenizer as Backend  # tokenizers is heavy

    saved, tokens = model.tokenizer.save(), list(model.tokenizer.tokens)
    definition = saved.get("definition") or _definition(str(saved["kind"]), tokens)
    names = {
        f"{name}_token": tokens[place]
        for name, place in (
            ("pad", model.pad_token_id),
            ("mask", model.mask_token_id),
            ("eos", model.tokenizer.end_id),
        )
    }
    make: Any = PreTrainedTokenizerFast  # which leaves its constructor untyped
    found: PreTrainedTokenizerFast = make(tokenizer_object=Backend.from_str(definition), **names)
    return found


def _definition(kind: str, tokens: list[str]) -> str:
    """Return one of our vocabularies as `tokenizer.json`."""
    from tokenizers import (  # tokenizers is heavy
        Regex,
        Tokenizer as Backend,
        decoders,
        models,
        pre_tokenizers,
    )

    patterns = {"char": r"[\s\S]", "smiles": SMILES_PATTERN.pattern}
    if kind not in patterns:
        raise ConfigError(
            f"tokenizer '{kind}' has no form in Hugging Face; 'smiles', 'char', 'bpe' and 'huggingface' have"
        )
    backend = Backend(models.WordLevel({token: i for i, token in enumerate(tokens)}, "[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Split(Regex(patterns[kind]), "isolated")
    backend.decoder = decoders.Fuse()
    text: str = backend.to_str()
    return text


def read_hugging_face(folder: Path) -> tuple[TrainedModel, dict[str, Any]]:
    """Return the model in a folder, in evaluation mode, and the facts it was saved with.

    A folder that `write_hugging_face` wrote is the model that it was; any masked language model with a tokenizer is one of
    absorbing noise.

    Raises:
        ConfigError: The folder holds neither.
        RunCorruptError: Its weights do not fit.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        ours = config.get("taskloom") if config.get("model_type") == "taskloom_dit" else None
        if ours is None:
            longest = int(config["max_position_embeddings"])
            body = {"kind": "hf", "path": str(folder)}
            return TrainedModel(body, {}, {}, str(folder), max_length=longest).eval(), {}
        arguments = {**ours["arguments"], "frequencies": tuple(ours["arguments"]["frequencies"])}
        model = TrainedModel(**arguments)
        tensors = load_file(folder / "model.safetensors")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise ConfigError(
            f"'{folder}' holds no model of Hugging Face that can be read: {first}"
        ) from None
    fit_tensors(model.model, {n.removeprefix("network."): t for n, t in tensors.items()}, folder)
    return model.eval(), ours["facts"]
