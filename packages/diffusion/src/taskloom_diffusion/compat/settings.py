"""PolyDiff's config sections translated into ours. Unknown keys are errors, not silence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from taskloom.errors import ConfigError

from taskloom_diffusion.config import DiffusionSettings
from taskloom_diffusion.denoisers.bert import BERT
from taskloom_diffusion.losses.objectives import NELBO, PolydiffLoss
from taskloom_diffusion.processes.absorbing import ExcitedState
from taskloom_diffusion.schedules import polydiff
from taskloom_diffusion.time_samplers.times import LowDiscrepancy, UniformTime

_SCHEDULES: Mapping[str, type[polydiff.BetaSchedule]] = {
    "cosine": polydiff.PolydiffCosine,
    "linear": polydiff.PolydiffLinear,
    "quadratic": polydiff.PolydiffQuadratic,
    "exponential": polydiff.PolydiffExponential,
    "logarithmic": polydiff.PolydiffLogarithmic,
}
MODEL_KEYS: Mapping[str, str] = {
    "hidden_size": "width",
    "num_hidden_layers": "num_layers",
    "num_attention_heads": "num_heads",
    "intermediate_size": "feed_forward",
    "hidden_dropout_prob": "dropout",
}
# Keys of Hugging Face's config that follow from the corpus or that the body fixes.
_IGNORED_MODEL = frozenset(
    {"vocab_size", "max_position_embeddings", "type_vocab_size", "attention_probs_dropout_prob",
     "hidden_act", "initializer_range", "layer_norm_eps", "pad_token_id", "use_cache", "classifier_dropout",
     "position_embedding_type", "gradient_checkpointing", "model_type"}
)  # fmt: skip


def denoiser_from_polydiff(section: Mapping[str, Any]) -> BERT:
    """Return the BERT denoiser of PolyDiff's `model` section; time enters where PolyDiff put it."""
    _refuse_unknown("model", section, {*MODEL_KEYS, *_IGNORED_MODEL})
    fields = {ours: section[theirs] for theirs, ours in MODEL_KEYS.items() if theirs in section}
    return BERT(**fields, time_conditioning="output_add")


def schedule_from_polydiff(section: Mapping[str, Any]) -> polydiff.BetaSchedule:
    """Return the schedule of PolyDiff's `diffusion` section."""
    _refuse_unknown(
        "diffusion", section, {"num_timesteps", "schedule_type", "beta_start", "beta_end", "s"}
    )
    name = section.get("schedule_type", "cosine")
    if not isinstance(name, str) or name not in _SCHEDULES:
        raise ConfigError(f"diffusion.schedule_type: {name!r} is none of {', '.join(_SCHEDULES)}")
    keys = (
        ("num_timesteps", "s") if name == "cosine" else ("num_timesteps", "beta_start", "beta_end")
    )
    return _SCHEDULES[name](**{k: section[k] for k in keys if k in section})


def settings_from_polydiff(
    section: Mapping[str, Any], *, faithful: bool = True
) -> DiffusionSettings:
    """Return the mathematics of PolyDiff's `diffusion` section.

    Args:
        section: The section.
        faithful: Keep PolyDiff's loss and independent times; otherwise the bound, with less variance.
    """
    return DiffusionSettings(
        process=ExcitedState(),
        schedule=schedule_from_polydiff(section),
        time_sampler=UniformTime() if faithful else LowDiscrepancy(),
        loss=PolydiffLoss() if faithful else NELBO(),
    )


def _refuse_unknown(section: str, given: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(set(given) - known)
    if unknown:
        raise ConfigError(
            f"{section}.{unknown[0]} is no key of PolyDiff's configs; allowed are {', '.join(sorted(known))}"
        )
