"""Reading PolyDiff's YAML experiments, inheritance included, into a config of the task `file`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from taskloom.errors import ConfigError
from taskloom.registry.suggest import did_you_mean

from taskloom_diffusion.compat.notes import is_count, notes_on
from taskloom_diffusion.compat.settings import (
    MODEL_KEYS,
    denoiser_from_polydiff,
    schedule_from_polydiff,
)
from taskloom_diffusion.tasks.file import FileConfig

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


_EXPONENTIAL = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")


def read_polydiff(path: Path) -> dict[str, Any]:
    """Return the merged config of a PolyDiff experiment file.

    A `defaults` list names files relative to the folder above the file's own, without `.yaml`; they are merged in order, to
    any depth, and the file's own keys come last.

    Raises:
        ConfigError: A file is missing or malformed, or the inheritance runs in a circle.
    """
    return _merged(path.resolve(), ())


def convert(config: Mapping[str, Any], *, faithful: bool) -> tuple[dict[str, Any], list[str]]:
    """Return our config for `tasks run diffusion file`, which can be run, and notes on what has no counterpart.

    Args:
        config: PolyDiff's merged config.
        faithful: Reproduce PolyDiff's loss, times and sampler, flaws included.

    Raises:
        ConfigError: A section or a key is unknown, or a value is not allowed.
    """
    sections = _checked(config)
    try:
        ours = _translated(sections, faithful=faithful)
        FileConfig.model_validate(ours)
    except ValidationError as error:
        raise ConfigError(_refusal(error)) from None
    return ours, notes_on(sections)


def _translated(sections: Mapping[str, Mapping[str, Any]], *, faithful: bool) -> dict[str, Any]:
    schedule = schedule_from_polydiff(sections["diffusion"])
    steps = schedule.model_dump()["num_timesteps"]
    denoiser = denoiser_from_polydiff(sections["model"]).model_copy(
        update={"num_timesteps": steps} if faithful else {"time_conditioning": "none"}
    )
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
        ours["sampler"]["num_steps"] = steps
        ours["train"]["ema"] = 0.0
    if is_count(trainer.get("devices")):
        ours["train"]["devices"] = trainer["devices"]
    if "max_epochs" in trainer:
        ours["train"]["epochs"] = trainer["max_epochs"]
    if "data_path" in data:
        ours["path"] = data["data_path"]
    if "train_split" in data:
        ours["holdout_share"] = _rest(data["train_split"])
    if "seed" in generation:
        ours["seed"] = generation["seed"]
    return ours


def _rest(train_split: object) -> float:
    """Return the share that is held out."""
    if not isinstance(train_split, int | float) or not 0 < train_split < 1:
        raise ConfigError(
            f"data.train_split = {train_split!r} must be a number between 0 and 1: what is left is held out"
        )
    return round(1 - train_split, 6)


# PolyDiff's keys of what can be refused here.
_THEIRS = {
    **{ours: f"model.{theirs}" for theirs, ours in MODEL_KEYS.items()},
    **{key: f"diffusion.{key}" for key in ("num_timesteps", "s", "beta_start", "beta_end")},
    **{key: f"data.{key}" for key in ("batch_size", "max_length")},
    **{key: f"optimizer.{key}" for key in ("lr", "weight_decay")},
    **{key: f"generation.{key}" for key in ("num_samples", "temperature", "seed")},
    "path": "data.data_path",
    "epochs": "trainer.max_epochs",
    "accumulate": "trainer.accumulate_grad_batches",
    "clip_norm": "trainer.gradient_clip_val",
}


def _refusal(error: ValidationError) -> str:
    """Return one sentence about a value, in PolyDiff's words."""
    first = error.errors()[0]
    sentence = first["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    if not first["loc"]:
        return f"model: {sentence}"  # the only rule between keys is that of heads and width
    place = str(first["loc"][-1])
    return f"{_THEIRS.get(place, place)}: {sentence}, not {first['input']!r}"


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
    sections: dict[str, Any] = {name: config.get(name) or {} for name in _KEYS}
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
    return {
        name: {key: _number(value) for key, value in section.items()}
        for name, section in sections.items()
    }


def _number(value: object) -> object:
    """Read 1e-4 as a number, as PolyDiff's reader does: to YAML 1.1, without a dot, it is text."""
    exponential = isinstance(value, str) and _EXPONENTIAL.fullmatch(value)
    return float(value) if exponential and isinstance(value, str) else value


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
        kinds = {type(None): "nothing", list: "a list", str: "one text"}
        found = kinds.get(type(own), f"the single value {own!r}")
        raise ConfigError(
            f"'{path}' must hold sections such as 'model:' and 'diffusion:', not {found}"
        )
    result: dict[str, Any] = {}
    defaults = own.pop("defaults", None) or []
    if not isinstance(defaults, list) or not all(isinstance(name, str) for name in defaults):
        raise ConfigError(
            f"'defaults' of '{path}' must be a list of names such as [base], not {defaults!r}"
        )
    for name in defaults:
        result = _overlay(result, _merged(_default_path(path, name), (*chain, path)))
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
