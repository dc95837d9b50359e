"""Keys of a PolyDiff config without a counterpart here: nothing is dropped in silence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Keys that carry over whatever their value; some others do under conditions, below.
_CARRIED = frozenset(
    {
        "model.hidden_size", "model.num_hidden_layers", "model.num_attention_heads", "model.intermediate_size",
        "model.hidden_dropout_prob", "diffusion.num_timesteps", "diffusion.schedule_type", "data.data_path",
        "data.train_split", "data.batch_size", "data.max_length", "optimizer.lr", "optimizer.weight_decay",
        "trainer.gradient_clip_val", "trainer.accumulate_grad_batches", "trainer.max_epochs", "generation.num_samples",
        "generation.temperature", "generation.seed",
    }
)  # fmt: skip

_INSTEAD: Mapping[str, str] = {
    "model.vocab_size": "follows from the corpus",
    "model.max_position_embeddings": "is max_length here",
    "model.attention_probs_dropout_prob": "one dropout serves both, that of hidden_dropout_prob",
    "data.tokenizer_name": "it is fetched from the network there; here the SMILES tokenizer is learnt from the corpus, or "
    "--tokenizer=huggingface --tokenizer.folder=FOLDER",
    "data.num_workers": "batches come from memory, there is nothing for workers to do",
    "data.val_subset_ratio": "evaluate.num_holdout says how many held-out sequences are judged",
    "trainer.accelerator": "a run is given devices when it is placed: tasks run --gpus=N",
    "trainer.devices": "a run is given devices when it is placed: tasks run --gpus=N",
    "trainer.precision": "train.precision is fp32 or bf16; fp32 is taken",
    "generation.enable": "every run samples at its end; evaluate.num_samples says how much",
    "generation.max_length": "lengths are drawn from the corpus; tasks diffusion sample RUN --length=N sets one",
    "generation.log_every_n_epochs": "set train.sample_every (steps, not epochs)",
}
_OF_SECTIONS: Mapping[str, str] = {
    "model": "is fixed by the BERT body here, at Hugging Face's default",
    "checkpointing": "the run folder does this; see train.checkpoint_every",
    "logging": "the run folder does this; see train.loggers",
}


def notes_on(sections: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return a line for every reason why keys do not carry over, with those keys and what to use in their place."""
    left_out: dict[str, list[str]] = {}
    for section, keys in sections.items():
        for key, value in keys.items():
            reason = _reason(section, key, value, sections)
            if reason:
                left_out.setdefault(reason, []).append(f"{section}.{key} = {value!r}")
    return [f"left out {', '.join(keys)}: {reason}" for reason, keys in left_out.items()]


def _reason(
    section: str, key: str, value: object, sections: Mapping[str, Mapping[str, Any]]
) -> str:
    """Return why a key does not carry over; nothing if it does."""
    name = f"{section}.{key}"
    if name in _CARRIED or _carries(name, value, sections):
        return ""
    if section == "diffusion":
        return f"the {_schedule(sections)} schedule does not use it"
    return _INSTEAD.get(name) or _OF_SECTIONS[section]


def _carries(name: str, value: object, sections: Mapping[str, Mapping[str, Any]]) -> bool:
    """Return whether a key carries over with this value."""
    if name == "diffusion.s":
        return _schedule(sections) == "cosine"
    if name in {"diffusion.beta_start", "diffusion.beta_end"}:
        return _schedule(sections) != "cosine"
    if name == "model.attention_probs_dropout_prob":
        return bool(value == sections["model"].get("hidden_dropout_prob", 0.1))
    if name == "trainer.precision":
        return str(value) in {"32", "32-true", "bf16", "bf16-mixed"}
    return name == "trainer.devices" and is_count(value)


def _schedule(sections: Mapping[str, Mapping[str, Any]]) -> str:
    return str(sections["diffusion"].get("schedule_type", "cosine"))


def is_count(value: object) -> bool:
    """Return whether a value of `devices` is a number of them (not `auto`, -1 or a list)."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
