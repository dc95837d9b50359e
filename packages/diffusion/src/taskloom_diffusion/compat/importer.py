"""Reading PolyDiff's YAML experiments, inheritance included, into a config of the task `file`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from taskloom.errors import ConfigError
from taskloom.registry import did_you_mean

from taskloom_diffusion.compat.settings import denoiser_from_polydiff, schedule_from_polydiff

# What PolyDiff's shipped configs and scripts read; the sections `model` and `diffusion` are checked where they are translated.
_KEYS: Mapping[str, frozenset[str]] = {
    "model": frozenset(),
    "diffusion": frozenset(),
    "data": frozenset(
        {"data_path", "tokenizer_name", "train_split", "batch_size", "num_workers", "max_length", "val_subset_ratio"}
    ),
    "optimizer": frozenset({"lr", "weight_decay"}),
    "trainer": frozenset(
        {"accelerator", "devices", "max_epochs", "precision", "gradient_clip_val", "accumulate_grad_batches"}
    ),
    "checkpointing": frozenset(
        {"enable", "dirpath", "filename", "monitor", "mode", "save_top_k", "save_last"}
    ),
    "generation": frozenset(
        {"enable", "num_samples", "max_length", "temperature", "seed", "log_every_n_epochs"}
    ),
    "logging": frozenset({"enable", "save_dir", "name", "version"}),
}  # fmt: skip


def read_polydiff(path: Path) -> dict[str, Any]:
    """Return the merged config of a PolyDiff experiment file.

    A `defaults` list names files relative to the folder above the file's own, without `.yaml`; they are merged in order, to
    any depth, and the file's own keys come last.

    Raises:
        ConfigError: A file is missing or malformed, or the inheritance runs in a circle.
    """
    return _merged(path.resolve(), ())


def convert(config: Mapping[str, Any], *, faithful: bool) -> tuple[dict[str, Any], list[str]]:
    """Return our config for `tasks run diffusion file`, and notes on what has no counterpart.

    Args:
        config: PolyDiff's merged config.
        faithful: Reproduce PolyDiff's loss, times and sampler, flaws included.
    """
    sections = _checked(config)
    schedule = schedule_from_polydiff(sections["diffusion"])
    denoiser = denoiser_from_polydiff(sections["model"])
    if not faithful:
        denoiser = denoiser.model_copy(update={"time_conditioning": "none"})
    data, trainer = sections["data"], sections["trainer"]
    optimizer, generation = sections["optimizer"], sections["generation"]
    ours: dict[str, Any] = {
        "process": {"kind": "excited_state"},
        "schedule": schedule.model_dump(mode="json"),
        "time_sampler": {"kind": "uniform" if faithful else "exact_count"},
        "loss": {"kind": "polydiff" if faithful else "nelbo"},
        "denoiser": denoiser.model_dump(mode="json"),
        "sampler": {
            "kind": "polydiff" if faithful else "confidence",
            "temperature": generation.get("temperature", 1.0),
        },
        "train": {
            "batch_size": data.get("batch_size", 32),
            "accumulate": trainer.get("accumulate_grad_batches", 1),
            "precision": "bf16" if "bf16" in str(trainer.get("precision", "")) else "fp32",
            "optimizer": {
                "lr": optimizer.get("lr", 1e-4),
                "weight_decay": optimizer.get("weight_decay", 0.01),
                "schedule": "constant",
                "warmup_steps": 0,
                "clip_norm": trainer.get("gradient_clip_val") or 0.0,
            },
        },
        "evaluate": {"num_samples": generation.get("num_samples", 10)},
        "max_length": data.get("max_length", 512),
    }
    if faithful:
        ours["sampler"]["num_steps"] = schedule.model_dump()["num_timesteps"]
        ours["train"]["ema"] = 0.0
    if "data_path" in data:
        ours["path"] = data["data_path"]
    if "train_split" in data:
        ours["holdout_share"] = round(1 - float(data["train_split"]), 6)
    if "seed" in generation:
        ours["seed"] = generation["seed"]
    return ours, _notes(sections)


def _checked(config: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return every section, empty ones included.

    Raises:
        ConfigError: A section or a key is unknown.
    """
    for name in config:
        if name not in _KEYS:
            raise ConfigError(
                f"'{name}' is no section of PolyDiff's configs: {', '.join(sorted(_KEYS))}",
                hint=did_you_mean(str(name), _KEYS),
            )
    sections: dict[str, Mapping[str, Any]] = {name: config.get(name) or {} for name in _KEYS}
    for name, keys in _KEYS.items():
        section = sections[name]
        if not isinstance(section, Mapping):
            raise ConfigError(f"'{name}' must hold keys, not a {type(section).__name__}")
        for key in section:
            if keys and key not in keys:
                raise ConfigError(
                    f"{name}.{key} is no key of PolyDiff's configs; allowed are {', '.join(sorted(keys))}",
                    hint=did_you_mean(str(key), keys),
                )
    return sections


def _notes(sections: Mapping[str, Mapping[str, Any]]) -> list[str]:
    notes = []
    if "max_epochs" in sections["trainer"]:
        notes.append(
            f"trainer.max_epochs = {sections['trainer']['max_epochs']}: set train.steps instead (steps, not epochs)"
        )
    if "tokenizer_name" in sections["data"]:
        notes.append(
            f"data.tokenizer_name = '{sections['data']['tokenizer_name']}' is fetched from the network there; here the "
            "SMILES tokenizer is used, or --tokenizer=huggingface --tokenizer.folder=FOLDER"
        )
    for name in ("checkpointing", "logging"):
        if sections[name]:
            notes.append(
                f"{name}: the run folder does this; see train.checkpoint_every and train.loggers"
            )
    return notes


def _merged(path: Path, chain: tuple[Path, ...]) -> dict[str, Any]:
    if path in chain:
        circle = " -> ".join(p.name for p in (*chain, path))
        raise ConfigError(f"'{path}' inherits from itself: {circle}")
    try:
        own = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        heir = f", a default of '{chain[-1].name}'," if chain else ""
        raise ConfigError(f"'{path}'{heir} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        first = " ".join(str(error).split())
        raise ConfigError(f"'{path}' is not YAML: {first}") from None
    if not isinstance(own, dict):
        raise ConfigError(f"'{path}' must hold sections, not a {type(own).__name__}")
    result: dict[str, Any] = {}
    for name in own.pop("defaults", None) or []:
        result = _overlay(result, _merged(_default_path(path, str(name)), (*chain, path)))
    return _overlay(result, own)


def _default_path(path: Path, name: str) -> Path:
    """Return where a default lies: beside the folder of the file, or beside the file."""
    above = path.parent.parent / f"{name}.yaml"
    return above.resolve() if above.exists() else (path.parent / f"{name}.yaml").resolve()


def _overlay(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[key] = _overlay(old, value) if both else value  # type: ignore[arg-type]  # both are mappings
    return merged
